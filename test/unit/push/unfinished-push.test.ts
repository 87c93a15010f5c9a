import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { discardedName, labelsOf, nextName, previousName } from '../../../src/push/labels.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const SECOND_MS = 1_000;

let source: string;
let engine: FakeEngine;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-unfinished-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  engine = new FakeEngine(undefined, () => new Date((nowMs += SECOND_MS)));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

const stop = () => engine.killContainer(APP, 'SIGTERM');
const createNext = () => engine.createContainer(nextName(APP), containerSpec(settings()));

/** The next push, which makes nothing better by itself. */
async function pushThatFails(): Promise<void> {
  const builder: ImageBuilder = { build: () => Promise.reject(new Error('no luck')) };
  const store = new MemoryDeployments();
  await expect(onePush({ settings: settings(), engine, store, builder, forceBuild: true })).rejects.toThrow(
    'no luck',
  );
}

describe('after a push that was killed while the new container proved itself', () => {
  const builder = (): ImageBuilder => ({
    build: () => {
      const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
      return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' } as const);
    },
  });

  /** What such a push leaves, which can undo nothing any more. */
  async function killedPush(): Promise<void> {
    const emit = ({ type }: PushEvent): void => {
      if (type === 'starting') engine.disconnect();
    };
    const store = new MemoryDeployments();
    const push = { settings: settings(), engine, store, builder: builder(), forceBuild: true, emit };
    await expect(onePush(push)).rejects.toThrow();
    engine.reconnect();
    // Its lock has run out.
    engine.volumes.clear();
  }

  const policyOf = async (name: string) => (await engine.inspectContainer(name))?.restartPolicy;
  const byHand = { name: 'on-failure', maximumRetries: 4 };

  it('the old one is not to be started with the device', async () => {
    await killedPush();
    expect(await policyOf(previousName(APP))).toMatchObject({ name: 'no' });
    expect(await policyOf(APP)).toMatchObject({ name: 'always' });
  });

  it('the old one that is taken back has the restart policy that it had, also one that was set by hand', async () => {
    await engine.setRestartPolicy(APP, byHand);
    await killedPush();
    await pushThatFails();
    expect(await engine.inspectContainer(APP)).toMatchObject({
      restartPolicy: byHand,
      state: { running: true },
    });
  });
});

it('what a push does is said once, also when it has to look again since another one has left a container', async () => {
  const left = await engine.createContainer('left', containerSpec(settings()));
  await engine.renameContainer(left, discardedName(APP, left));
  const decisions: unknown[] = [];
  const emit = (event: PushEvent): void => {
    if (event.type === 'decision') decisions.push(event.decision);
  };
  const builder: ImageBuilder = { build: () => Promise.reject(new Error('no luck')) };
  const store = new MemoryDeployments();
  const pushing = onePush({ settings: settings(), engine, store, builder, forceBuild: true, emit });
  await expect(pushing).rejects.toThrow('no luck');
  expect(decisions).toMatchObject([{ action: 'build' }]);
  expect(engine.containers.size).toBe(1);
});

describe('after a push that was killed when it had put the old container aside, one that fails', () => {
  const putAside = () => engine.renameContainer(APP, previousName(APP));

  it('leaves an app running that was stopped for the new one', async () => {
    await createNext();
    await stop();
    await putAside();
    await pushThatFails();
    expect(await engine.inspectContainer(APP)).toMatchObject({ state: { running: true } });
  });

  it('leaves an app stopped that somebody had stopped before', async () => {
    await stop();
    await createNext();
    await putAside();
    await pushThatFails();
    expect(await engine.inspectContainer(APP)).toMatchObject({ state: { running: false } });
  });
});

describe('after a push that was killed before it had put the old container aside, one that fails', () => {
  it('leaves an app running that was stopped for the new one', async () => {
    await createNext();
    await stop();
    await pushThatFails();
    expect(await engine.inspectContainer(APP)).toMatchObject({ state: { running: true } });
    expect(await engine.inspectContainer(nextName(APP))).toBeUndefined();
  });

  it('leaves an app alone that had ended before', async () => {
    await stop();
    await createNext();
    await pushThatFails();
    expect(await engine.inspectContainer(APP)).toMatchObject({ state: { running: false } });
    expect(await engine.inspectContainer(nextName(APP))).toBeUndefined();
  });
});
