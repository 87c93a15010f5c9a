import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
let root: string;
let engine: FakeEngine;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'rdt-second-'));
  engine = new FakeEngine(mainAndListing);
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings('one'))));
});
afterEach(async () => {
  rmSync(root, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = (folder: string) =>
  resolveSettings({}, { appName: APP }, defaultSettings, { source: join(root, folder) });

it('what a push from a folder brought goes with the push from where the folder is now', async () => {
  const store = new MemoryDeployments();
  const [one, two] = ['one', 'two'].map((name) => join(root, name)) as [string, string];
  mkdirSync(one);
  writeFileSync(join(one, 'Dockerfile'), 'FROM busybox\n');
  writeFileSync(join(one, 'migration-7.sql'), 'drop');
  expect(await onePush({ settings: settings('one'), engine, store })).toBe('sync');
  // As `mv one two`, or `git worktree add ../two`, and then `rm migration-7.sql`.
  cpSync(one, two, { recursive: true });
  rmSync(join(two, 'migration-7.sql'));
  await onePush({ settings: settings('two'), engine, store });
  await onePush({ settings: settings('two'), engine, store });
  const held = engine
    .container(APP)
    .files.list(DESTINATION)
    .filter((path) => !path.includes('.rdt-'));
  expect(held).toEqual([`${DESTINATION}/Dockerfile`]);
});
