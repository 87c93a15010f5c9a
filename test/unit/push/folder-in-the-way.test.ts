import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import { LIST_SCRIPT } from '../../../src/sync/container-script.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { playStages } from '../../contract/fake-stages.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { listFiles } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
const CACHE = '/usr/src/app/cache';

let source: string;
let engine: FakeEngine;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-in-the-way-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  writeFileSync(join(source, 'cache'), 'a file');
  engine = new FakeEngine((process) => {
    if (process.argv[0] === 'main') return runUntilKilled(process.killed);
    return process.argv[2] === LIST_SCRIPT ? listFiles(process) : playStages(process);
  });
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

it("says that a new container is a way out, when a folder with the app's own files is in the way of one of ours", async () => {
  const { files } = engine.container(APP);
  files.write(`${CACHE}/db`, 'of the app');
  const push = { settings: settings(), engine, store: new MemoryDeployments() };
  await expect(onePush(push)).rejects.toMatchObject({
    message: expect.stringContaining('refused the sync') as string,
    hint: expect.stringContaining('or push with --force-build') as string,
  });
  expect(files.read(`${CACHE}/db`)).toBe('of the app');
});

it('replaces an empty folder that the app has put in the place of a file of ours', async () => {
  const push = { settings: settings(), engine, store: new MemoryDeployments() };
  await onePush(push);
  const { files } = engine.container(APP);
  files.remove(CACHE);
  files.write(`${CACHE}/passing`, '');
  files.remove(`${CACHE}/passing`);
  writeFileSync(join(source, 'cache'), 'another file');
  expect(await onePush(push)).toBe('sync');
  expect(files.read(CACHE)).toBe('another file');
});
