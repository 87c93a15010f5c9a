import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
const DESTINATION = '/usr/src/app';
const DAYS_MS = 24 * 3_600_000;
let source: string;
let engine: FakeEngine;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-gone-'));
  engine = new FakeEngine((process) => mainAndListing(process) ?? playStages(process));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

it.each([
  ['the same content, such as a default that it copies', 'default'],
  ['nothing in it, such as a mark that it has set itself up', ''],
])(
  "a file that the app has made long after one of ours was deleted there is the app's own, with %s",
  async (_, content) => {
    const store = new MemoryDeployments();
    writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
    writeFileSync(join(source, 'config.json'), 'default');
    await onePush({ settings: settings(), engine, store });
    // `git mv config.json defaults/config.json`, say: the app is to copy it when it has none.
    rmSync(join(source, 'config.json'));
    await onePush({ settings: settings(), engine, store });
    expect(engine.container(APP).files.find(`${DESTINATION}/config.json`)).toBeUndefined();
    // Nothing is pushed for five days; on the third the app makes its own, on the fourth the device is rebooted in good order.
    const [last] = store.saved.slice(-1);
    if (last === undefined) throw new Error('nothing is noted');
    await store.save({
      ...last,
      gone: (last.gone ?? []).map((each) => ({ ...each, atMs: each.atMs - 5 * DAYS_MS })),
    });
    engine.container(APP).files.put(`${DESTINATION}/config.json`, {
      kind: 'file',
      bytes: Buffer.from(content),
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtimeMs: Date.now() - 2 * DAYS_MS,
    });
    engine.run = 'run 2';
    writeFileSync(join(source, 'other.txt'), 'x');
    await onePush({ settings: settings(), engine, store });
    expect(engine.container(APP).files.find(`${DESTINATION}/config.json`)).toBeDefined();
  },
);
