import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode, RdtError } from '../../../src/errors.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { heldName } from '../../../src/push/held-image.js';
import { labelsOf, nextName } from '../../../src/push/labels.js';
import type { Container } from '../../../src/transport/engine.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';

/** Its app is paused: it counts as running, and is not started (moby, daemon/start.go: "cannot start a paused container, try unpause instead"). */
class PausedEngine extends FakeEngine {
  isPaused = true;

  override async inspectContainer(ref: string, signal?: AbortSignal): Promise<Container | undefined> {
    const found = await super.inspectContainer(ref, signal);
    return found && { ...found, state: { ...found.state, paused: this.isPaused, status: 'paused' } };
  }

  override startContainer(ref: string, signal?: AbortSignal): Promise<void> {
    if (this.isPaused)
      return Promise.reject(new EngineError(409, 'cannot start a paused container, try unpause instead'));
    return super.startContainer(ref, signal);
  }
}

let source: string;
let engine: PausedEngine;
beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-paused-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\nRUN exit 1\n');
  engine = new PausedEngine(({ killed }) => runUntilKilled(killed));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  engine.isPaused = false;
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
  engine.isPaused = true;
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

const failureOf = async (): Promise<RdtError> => {
  const store = new MemoryDeployments();
  const [outcome] = await Promise.allSettled([
    onePush({ settings: settings(), engine, store, forceBuild: true }),
  ]);
  if (outcome.status === 'rejected' && outcome.reason instanceof RdtError) return outcome.reason;
  throw new Error('it did not fail as expected', { cause: outcome });
};

async function expectLeftAlone(): Promise<void> {
  const failure = await failureOf();
  expect(failure.exitCode).toBe(ExitCode.buildFailed);
  expect(failure.message).not.toContain('could not be taken back');
  expect(failure.hint ?? '').not.toContain('taken back by the next one');
}

describe('an old app that is paused', () => {
  it('is left alone by a build that fails, and nothing is said to be left over', async () => {
    await expectLeftAlone();
  });

  it('is left alone as well when what an earlier push began is taken back', async () => {
    await engine.createContainer(nextName(APP), containerSpec(settings()));
    await expectLeftAlone();
    expect(await engine.inspectContainer(nextName(APP))).toBeUndefined();
  });

  it('has the second name of its image taken away again when the build fails', async () => {
    await failureOf();
    expect([...engine.images.values()].flatMap(({ tags }) => tags)).not.toContain(heldName(APP));
  });
});
