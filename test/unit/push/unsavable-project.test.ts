import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { labelsOf } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
let source: string;
let engine: FakeEngine;

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-unsavable-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : undefined));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const pushed = (dryRun: boolean) =>
  onePush({
    settings: resolveSettings({}, { appName: APP }, defaultSettings, { source }),
    engine,
    store: new MemoryDeployments(),
    dryRun,
    assertSavable: () => Promise.reject(new RdtError('.resin-sync.yml cannot be written')),
  });

it('a push that could not be noted ends before it builds or makes anything', async () => {
  await expect(pushed(false)).rejects.toThrow('.resin-sync.yml cannot be written');
  expect(await engine.inspectContainer(APP)).toBeUndefined();
});

it('a dry run has nothing to note', async () => {
  expect(await pushed(true)).toBe('none');
});
