import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
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
const DATA = '/usr/src/app/cache/db';

it("says that a new container is a way out, when a folder with the app's own files is in the way of one of ours", async () => {
  const source = mkdtempSync(join(tmpdir(), 'rdt-in-the-way-'));
  await using engine = new FakeEngine((process) => {
    if (process.argv[0] === 'main') return runUntilKilled(process.killed);
    return process.argv[2] === LIST_SCRIPT ? listFiles(process) : playStages(process);
  });
  try {
    writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
    writeFileSync(join(source, 'cache'), 'a file');
    const settings = resolveSettings({}, { appName: APP }, defaultSettings, { source });
    engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
    await engine.startContainer(await engine.createContainer(APP, containerSpec(settings)));
    const { files } = engine.container(APP);
    files.write(DATA, 'of the app');
    await expect(onePush({ settings, engine, store: new MemoryDeployments() })).rejects.toMatchObject({
      message: expect.stringContaining('refused the sync') as string,
      hint: expect.stringContaining('or push with --force-build') as string,
    });
    expect(files.read(DATA)).toBe('of the app');
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
});
