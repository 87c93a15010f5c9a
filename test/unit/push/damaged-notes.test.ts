import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import { FileDeploymentStore } from '../../../src/sync/state/file-deployment-store.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { mainAndListing } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
let root: string;
let engine: FakeEngine;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'rdt-damaged-'));
  mkdirSync(join(root, 'source'));
  writeFileSync(join(root, 'source/Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(mainAndListing);
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(root, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () =>
  resolveSettings({}, { appName: APP }, defaultSettings, { source: join(root, 'source') });

/** Answers what it warned of. As by a process of its own. */
async function pushed(): Promise<string[]> {
  const warnings: string[] = [];
  const store = new FileDeploymentStore(join(root, 'notes'));
  const emit = (event: { type: string; message?: string }): void => {
    if (event.type === 'warning') warnings.push(event.message ?? '');
  };
  expect(await onePush({ settings: settings(), engine, store, emit })).toBe('sync');
  return warnings;
}

it("a push whose notes of the last one are damaged says so, and takes that one for nobody else's", async () => {
  expect(await pushed()).toEqual([]);
  const name = readdirSync(join(root, 'notes')).find((each) => each.endsWith('.tree')) ?? '';
  const file = join(root, 'notes', name);
  truncateSync(file, 20);
  writeFileSync(join(root, 'source/new'), 'x');
  const warnings = await pushed();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(`cannot be read (${file} is damaged, or of another version)`);
  expect(warnings[0]).toContain('what was deleted here since then may stay there until a build');
  writeFileSync(join(root, 'source/new'), 'y2');
  expect(await pushed()).toEqual([]);
});
