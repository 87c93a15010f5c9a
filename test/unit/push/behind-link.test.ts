import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import { LIST_SCRIPT } from '../../../src/sync/container-script.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { type FakeProcess, runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const DESTINATION = '/usr/src/app';
let source: string;
let engine: FakeEngine;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-behind-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  mkdirSync(join(source, 'data'));
  for (const name of ['a', 'b']) writeFileSync(join(source, `data/${name}.txt`), name);
  engine = new FakeEngine((process) => {
    if (process.argv[0] === 'main') return runUntilKilled(process.killed);
    return process.argv[2] === LIST_SCRIPT ? list(process) : undefined;
  });
  const image = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  // As if its entrypoint had done: mv data /persistent/ && ln -s /persistent/data data
  for (const name of ['a', 'b']) image.files.write(`/persistent/data/${name}.txt`, name);
  const link = {
    kind: 'symlink',
    target: '/persistent/data',
    mode: 0o777,
    uid: 0,
    gid: 0,
    mtimeMs: 0,
  } as const;
  image.files.put(`${DESTINATION}/data`, link);
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

/** As the script does it with `stat` and `sha256sum`, which follow links in the middle of a path (behind-link.test.ts runs it itself). */
async function list({ stdin, stdout, files }: FakeProcess): Promise<number> {
  const paths = Buffer.concat(await stdin.toArray())
    .toString()
    .split('\0')
    .filter(Boolean);
  stdout.write('state none\n');
  const time = '1700000000 2023-11-14 22:13:20.500000000 +0000';
  for (const path of paths) {
    const node = files.find(`${DESTINATION}/${path}`);
    if (node === undefined) continue;
    const kind = { file: 0o100_000, directory: 0o040_000, symlink: 0o120_000 }[node.kind];
    stdout.write(`s ${(kind + node.mode).toString(16)} ${time} ${path}\n`);
    if (node.kind === 'symlink') stdout.write(`l ${path}\n${node.target}\n.\n`);
    if (node.kind === 'file')
      stdout.write(`${createHash('sha256').update(node.bytes).digest('hex')}  ${path}\n`);
  }
  stdout.write('rdt:0\n');
  return 0;
}

it('leaves the container with all that the folder has', async () => {
  const store = new MemoryDeployments();
  expect(await onePush({ settings: settings(), engine, store })).toBe('sync');
  const held = engine
    .container(APP)
    .files.list(`${DESTINATION}`)
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
  files.put(`${DESTINATION}/data`, {
    kind: 'symlink',
    target: '/persistent/data',
    mode: 0o777,
    uid: 0,
    gid: 0,
    mtimeMs: 0,
  });
  writeFileSync(join(source, 'data/a.txt'), 'saved');
  expect(await onePush({ settings: settings(), engine, store })).toBe('sync');
  const next = await onePush({ settings: settings(), engine, store });
  const held = ['a', 'b'].map((name) => files.read(`${DESTINATION}/data/${name}.txt`));
  expect({ next, held }).toEqual({ next: 'none', held: ['saved', 'b'] });
});
