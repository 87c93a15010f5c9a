import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
let source: string;
let engine: FakeEngine;
let id: string;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-renamed-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : 127));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  id = await engine.createContainer(APP, containerSpec(settings()));
  await engine.startContainer(id);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

/** `docker rename app backup` during the build, which makes an image with that command, or fails. */
function push(command: string | undefined): Promise<unknown> {
  const builder: ImageBuilder = {
    build: async () => {
      await engine.renameContainer(APP, 'backup');
      if (command === undefined) throw new Error('no luck');
      const { id: imageId } = engine.addImage(APP, { labels: labelsOf(APP), cmd: [command] });
      return { type: 'built', imageId, builder: 'buildkit' } as const;
    },
  };
  return onePush({ settings: settings(), engine, store: new MemoryDeployments(), builder, forceBuild: true });
}

describe('a container that somebody renames during a build, to keep it,', () => {
  const expectKept = async () =>
    expect(await engine.inspectContainer('backup')).toMatchObject({
      id,
      state: { running: true },
      restartPolicy: { name: 'always' },
    });

  it('is kept beside the new one', async () => {
    await push('main');
    await expectKept();
    expect(await engine.inspectContainer(APP)).toMatchObject({ state: { running: true } });
  });

  it.each([
    ['the build fails', undefined],
    ['the new one fails', 'broken'],
  ])('keeps its new name when %s', async (_, command) => {
    await expect(push(command)).rejects.toThrow();
    await expectKept();
  });
});

describe('a container that somebody renames while it is replaced', () => {
  const whenCalled = (method: 'killContainer' | 'startContainer', act: () => Promise<void>): void => {
    const real = engine[method].bind(engine) as (...args: unknown[]) => Promise<never>;
    let acts = true;
    vi.spyOn(engine, method).mockImplementation(async (...args: unknown[]) => {
      const done = await real(...args);
      if (acts) {
        acts = false;
        await act();
      }
      return done;
    });
  };
  const pushBeside = (): Promise<unknown> => {
    const builder: ImageBuilder = {
      build: () => {
        const { id: imageId } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
        return Promise.resolve({ type: 'built', imageId, builder: 'buildkit' } as const);
      },
    };
    return onePush({
      settings: settings(),
      engine,
      store: new MemoryDeployments(),
      builder,
      forceBuild: true,
    });
  };

  it('is kept when that is while it ends', async () => {
    whenCalled('killContainer', () => engine.renameContainer(id, 'backup'));
    await pushBeside();
    expect(await engine.inspectContainer('backup')).toMatchObject({ id, restartPolicy: { name: 'always' } });
    expect(await engine.inspectContainer(APP)).toMatchObject({ state: { running: true } });
  });

  it('is kept, with its restart policy, when that is while the new one starts', async () => {
    whenCalled('startContainer', () => engine.renameContainer(id, 'backup'));
    await pushBeside();
    expect(await engine.inspectContainer('backup')).toMatchObject({ id, restartPolicy: { name: 'always' } });
    expect(await engine.inspectContainer(APP)).toMatchObject({ state: { running: true } });
  });

  it('and is the new one is told of, and the old one is the app again', async () => {
    whenCalled('startContainer', () => engine.renameContainer(APP, 'kept'));
    await expect(pushBeside()).rejects.toThrow(/gave the new container of app the name kept/);
    expect(await engine.inspectContainer(APP)).toMatchObject({ id, state: { running: true } });
    expect(await engine.inspectContainer('kept')).toMatchObject({ state: { running: true } });
  });
});
