import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { defaultSettings, type GivenSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushResult } from '../../../src/push/push-event.js';
import { unknownDeployment } from '../../../src/sync/deployment.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'server';
const OTHERS = {
  exitCode: ExitCode.usage,
  message: expect.stringMatching(
    /^the device has an app server already.*: it may be another project's$/,
  ) as unknown,
  hint: expect.stringContaining('`--app-name server`') as unknown,
};

let root: string;
let engine: FakeEngine;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rdt-pushed-from-'));
  for (const project of ['p1', 'p2']) {
    mkdirSync(join(root, project, APP), { recursive: true });
    writeFileSync(join(root, project, APP, 'Dockerfile'), 'FROM busybox\n');
  }
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : undefined));
});
afterEach(async () => {
  rmSync(root, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = (project: string, given: GivenSettings = {}) =>
  resolveSettings({}, given, defaultSettings, { source: join(root, project, APP) });

const addImage = () => engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });

/** A first push, of a folder without a project file, by a laptop that remembers nothing unless it is given a store. */
function pushed(
  project: string,
  { given, pusher, store = new MemoryDeployments() }: Partial<FirstPush> = {},
): Promise<PushResult['action']> {
  const build = () =>
    Promise.resolve({ type: 'built', imageId: addImage().id, builder: 'buildkit' } as const);
  const whose = pusher === undefined ? {} : { pusher };
  return onePush({ settings: settings(project, given), engine, store, builder: { build }, ...whose });
}

interface FirstPush {
  readonly given: GivenSettings;
  readonly pusher: string;
  readonly store: MemoryDeployments;
}

describe('the first push of a folder that is called like an app on the device', () => {
  it('leaves the app of another folder alone, and tells where that is from', async () => {
    await pushed('p1');
    const { id } = engine.container(APP);
    const pushing = pushed('p2');
    await expect(pushing).rejects.toMatchObject(OTHERS);
    await expect(pushing).rejects.toThrow(`, pushed from tester@here:${join(root, 'p1', APP)}: `);
    expect(engine.container(APP)).toMatchObject({ id, running: true });
  });

  it('leaves the app of the same folder on another computer alone', async () => {
    await pushed('p1', { pusher: 'tester@elsewhere' });
    await expect(pushed('p1')).rejects.toMatchObject(OTHERS);
  });

  it('takes the app over when its name is given', async () => {
    await pushed('p1');
    expect(await pushed('p2', { given: { appName: APP } })).toBe('sync');
  });

  it('goes on with what an earlier one of the same folder has left', async () => {
    await pushed('p1');
    expect(await pushed('p1')).not.toBe('build');
  });

  it('goes on with an app of an older version that this laptop remembers, and with no other', async () => {
    addImage();
    const id = await engine.createContainer(APP, containerSpec(settings('p1')));
    await engine.startContainer(id);
    await expect(pushed('p1')).rejects.toMatchObject(OTHERS);
    const store = new MemoryDeployments();
    const { source, destination } = settings('p1');
    await store.save(unknownDeployment(id, source, destination));
    expect(await pushed('p1', { store })).toBe('sync');
  });
});
