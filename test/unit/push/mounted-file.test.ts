import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import { canLink } from '../can-link.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { mainAndListing } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
const DESTINATION = '/usr/src/app';
const REFUSAL = {
  message: 'conf.json is mounted in the container by itself: nothing can take its place',
  hint: `Add conf.json to \`ignore\` in .resin-sync.yml, or take ${DESTINATION}/conf.json from \`volumes\` there.`,
};
let source: string;
let engine: FakeEngine;
let store: MemoryDeployments;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-mounted-'));
  store = new MemoryDeployments();
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(mainAndListing);
  const image = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  image.files.write(`${DESTINATION}/conf.json`, 'of the device');
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => {
  const volumes = [{ source: '/etc/conf', target: `${DESTINATION}/conf.json`, options: [] }];
  return resolveSettings({}, { appName: APP, volumes }, defaultSettings, { source });
};
const pushed = () => onePush({ settings: settings(), engine, store });

describe('a file of the device that is mounted in the folder', () => {
  it('is not replaced by one of the project, and nothing is sent', async () => {
    writeFileSync(join(source, 'conf.json'), 'of the project');
    await expect(pushed()).rejects.toMatchObject(REFUSAL);
    expect(engine.calls.filter((call) => call.startsWith('putArchive'))).toEqual([]);
    expect(store.saved.flatMap(({ begun = [] }) => begun)).toEqual([]);
  });

  it.skipIf(!canLink)('is not replaced by a link of the project', async () => {
    symlinkSync('elsewhere', join(source, 'conf.json'));
    await expect(pushed()).rejects.toMatchObject(REFUSAL);
  });

  it('holds up nothing that is sent beside it, nor the same file in the project, but that one does not go with it', async () => {
    writeFileSync(join(source, 'conf.json'), 'of the device');
    expect(await pushed()).toBe('sync');
    unlinkSync(join(source, 'conf.json'));
    await expect(pushed()).rejects.toMatchObject(REFUSAL);
  });
});
