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
const DESTINATION = '/usr/src/app';
const LINK = {
  kind: 'symlink',
  target: '/persistent/data',
  mode: 0o777,
  uid: 0,
  gid: 0,
  mtimeMs: 0,
} as const;
let source: string;
let engine: FakeEngine;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-behind-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  mkdirSync(join(source, 'data'));
  for (const name of ['a', 'b']) writeFileSync(join(source, `data/${name}.txt`), name);
  engine = new FakeEngine(mainAndListing);
  const image = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  // As if its entrypoint had done: mv data /persistent/ && ln -s /persistent/data data
  for (const name of ['a', 'b']) image.files.write(`/persistent/data/${name}.txt`, name);
  image.files.put(`${DESTINATION}/data`, LINK);
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

it('leaves the container with all that the folder has', async () => {
  const store = new MemoryDeployments();
  expect(await onePush({ settings: settings(), engine, store })).toBe('sync');
  const held = engine
    .container(APP)
    .files.list(DESTINATION)
    .filter((path) => !path.includes('.rdt-'));
  // And what the next push believes of it:
  const next = await onePush({ settings: settings(), engine, store });
  expect({ next, held }).toEqual({
    next: 'none',
    held: ['Dockerfile', 'data/', 'data/a.txt', 'data/b.txt'].map((path) => `${DESTINATION}/${path}`),
  });
});

it('leaves it so as well when it replaces the link for a file that was saved', async () => {
  const store = new MemoryDeployments();
  const { files } = engine.container(APP);
  files.remove(`${DESTINATION}/data`);
  await onePush({ settings: settings(), engine, store });
  expect(files.read(`${DESTINATION}/data/b.txt`)).toBe('b');
  // At its start the app does: mv data /persistent/ && ln -s /persistent/data data
  files.remove(`${DESTINATION}/data`);
  files.put(`${DESTINATION}/data`, LINK);
  writeFileSync(join(source, 'data/a.txt'), 'saved');
  expect(await onePush({ settings: settings(), engine, store })).toBe('sync');
  const next = await onePush({ settings: settings(), engine, store });
  const held = ['a', 'b'].map((name) => files.read(`${DESTINATION}/data/${name}.txt`));
  expect({ next, held }).toEqual({ next: 'none', held: ['saved', 'b'] });
});
