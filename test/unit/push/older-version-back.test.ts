import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { playStages } from '../../contract/fake-stages.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { mainAndListing } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
const THERE = '/usr/src/app/notes.txt';
let source: string;
let engine: FakeEngine;
let store: MemoryDeployments;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-back-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  store = new MemoryDeployments();
  engine = new FakeEngine((process) => mainAndListing(process) ?? playStages(process));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });
const notes = (): string => join(source, 'notes.txt');
const push = (): Promise<unknown> => onePush({ settings: settings(), engine, store });

/** @returns its time. */
async function pushNotes(content: string): Promise<number> {
  writeFileSync(notes(), content);
  await push();
  return statSync(notes()).mtimeMs;
}

async function pushWithoutNotes(): Promise<void> {
  rmSync(notes());
  await push();
  expect(engine.container(APP).files.find(THERE)).toBeUndefined();
}

/** The power went before the device had written any of what came after that content. */
async function startWith(content: string, mtimeMs: number): Promise<void> {
  const bytes = Buffer.from(content);
  engine.container(APP).files.put(THERE, { kind: 'file', bytes, mode: 0o644, uid: 0, gid: 0, mtimeMs });
  engine.run = 'run 2';
  await push();
}

it('a file that was changed and then deleted goes again when it is back as it was before the change', async () => {
  const mtimeMs = await pushNotes('first');
  await pushNotes('second');
  await pushWithoutNotes();
  await startWith('first', mtimeMs);
  expect(engine.container(APP).files.find(THERE)).toBeUndefined();
});

it('a file that was deleted, made anew and deleted goes again when it is back as it was at first', async () => {
  const mtimeMs = await pushNotes('first');
  await pushWithoutNotes();
  await pushNotes('second');
  await pushWithoutNotes();
  await startWith('first', mtimeMs);
  expect(engine.container(APP).files.find(THERE)).toBeUndefined();
});

it("a file that holds what no push has sent is the app's own", async () => {
  const mtimeMs = await pushNotes('first');
  await pushNotes('second');
  await pushWithoutNotes();
  await startWith('third', mtimeMs);
  expect(engine.container(APP).files.find(THERE)).toBeDefined();
});
