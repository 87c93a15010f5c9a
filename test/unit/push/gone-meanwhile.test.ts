import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { labelsOf } from '../../../src/push/labels.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const refusal = () => new EngineError(500, 'failed to update store: open : no such file or directory');

let source: string;
let engine: FakeEngine;
beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-gone-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : undefined));
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  engine.reconnect();
  await engine[Symbol.asyncDispose]();
});

const pushing = () =>
  onePush({
    settings: resolveSettings({}, { appName: APP }, defaultSettings, { source }),
    engine,
    store: new MemoryDeployments(),
    forceBuild: true,
    builder: {
      build: () => {
        const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
        return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' });
      },
    },
  });

/** From the end of the new container on. */
function refuseToTakeBack(meanwhile: () => void): void {
  const kill = engine.killContainer.bind(engine);
  const refuse = () => Promise.reject(refusal());
  engine.killContainer = (ref, name, ...rest) => {
    if (name !== 'SIGKILL') return kill(ref, name, ...rest);
    meanwhile();
    engine.startContainer = engine.renameContainer = engine.removeContainer = refuse;
    return refuse();
  };
}

it('a device that shuts down while the new app is started was lost, whatever its engine says before', async () => {
  await pushing();
  engine.failNext('startContainer', refusal());
  refuseToTakeBack(() => setImmediate(() => engine.disconnect()));
  await expect(pushing()).rejects.toMatchObject({
    message: expect.stringContaining('app could not be started: failed') as string,
    exitCode: 4,
  });
});

it('an engine that goes on to answer has refused it for what it says', async () => {
  await pushing();
  engine.failNext('startContainer', refusal());
  refuseToTakeBack(() => undefined);
  await expect(pushing()).rejects.toMatchObject({ exitCode: 6 });
});
