import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { mainAndListing } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
let source: string;
let engine: FakeEngine;
let store: MemoryDeployments;

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-linked-'));
  mkdirSync(join(source, 'data'));
  write('Dockerfile', 'FROM busybox\n');
  write('data/x', 'x');
  write('data/y', 'y');
  store = new MemoryDeployments();
  engine = new FakeEngine(mainAndListing);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const write = (path: string, content: string): void => writeFileSync(join(source, path), content);

/** An app whose destination `/app` is `at` in truth, with a volume on its `data`. */
async function begin(at: '/app' | '/srv/app') {
  const volumes = [{ source: 'v', target: `${at}/data`, options: [] }];
  const settings = resolveSettings({}, { appName: APP, destination: '/app', volumes }, defaultSettings, {
    source,
  });
  const { files } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  files.write(`${at}/data/x`, 'older');
  if (at !== '/app')
    files.put('/app', { kind: 'symlink', target: at, mode: 0o777, uid: 0, gid: 0, mtimeMs: 0 });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings)));
  /** A push, and what it asked of the engine. */
  return async () => {
    engine.calls.length = 0;
    const action = await onePush({ settings, engine, store });
    return { action, calls: engine.calls.map((call) => call.split(' ')[0]) };
  };
}

const deployed = (path: string): string | undefined => engine.container(APP).files.read(`/srv/app/${path}`);

it('brings files to a volume that lies behind a link', async () => {
  const push = await begin('/srv/app');
  expect((await push()).action).toBe('sync');
  write('data/x', 'edited');
  write('data/new', 'new');
  expect((await push()).action).toBe('sync');
  expect(['data/x', 'data/new', 'data/y'].map(deployed)).toEqual(['edited', 'new', 'y']);
  expect((await push()).action).toBe('none');
});

it('asks no more for it in a container that it knows', async () => {
  const callsOf = async (at: '/app' | '/srv/app') => {
    const push = await begin(at);
    await push();
    const unchanged = await push();
    write('data/x', `edited in ${at}`);
    const edited = await push();
    await engine.removeContainer(APP, { removeAnonymousVolumes: true });
    return [unchanged.calls.sort(), edited.calls.sort()];
  };
  expect(await callsOf('/srv/app')).toEqual(await callsOf('/app'));
});

it('asks a container once what it holds that was synced when nobody knew of the link', async () => {
  const push = await begin('/srv/app');
  await push();
  const { place, ...older } =
    (await store.load(engine.container(APP).id)) ?? expect.fail('nothing was noted');
  expect(place).toBe('/srv/app');
  await store.save(older);
  engine.container(APP).files.remove('/srv/app/data/x');
  expect((await push()).action).toBe('sync');
  expect(deployed('data/x')).toBe('x');
  expect((await push()).calls).not.toContain('exec');
});
