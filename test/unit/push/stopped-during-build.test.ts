import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const BROKEN_AFTER_MS = 50;

let source: string;
let engine: FakeEngine;
let interrupt: AbortController;
let oldId: string;
beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-stopped-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) =>
    argv[0] === 'main' ? runUntilKilled(killed) : delay(BROKEN_AFTER_MS, 7),
  );
  interrupt = new AbortController();
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  oldId = await engine.createContainer(APP, containerSpec(settings()));
  await engine.startContainer(oldId);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

/** Builds with `command`, or fails; `meanwhile` it happens on the device. */
const push = (command: string | undefined, meanwhile: () => Promise<unknown>, signal?: AbortSignal) => {
  const builder: ImageBuilder = {
    build: async () => {
      await meanwhile();
      if (command === undefined) throw new Error('no luck');
      const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: [command] });
      return { type: 'built', imageId: id, builder: 'buildkit' };
    },
  };
  const emit = ({ type }: PushEvent): void => {
    if (type === 'starting') interrupt.abort(new Error('interrupted'));
  };
  const store = new MemoryDeployments();
  const request = { settings: settings(), engine, store, forceBuild: true, builder };
  return onePush(signal === undefined ? request : { ...request, signal, emit });
};
/** `docker stop app` on the device: the motor that it drives ran wild, say. */
const stop = () => engine.killContainer(APP, 'SIGTERM');
const start = () => engine.startContainer(APP);

async function expectApp(running: boolean): Promise<void> {
  expect(await engine.inspectContainer(APP)).toMatchObject({ id: oldId, state: { running } });
}

describe('an app that somebody stops during a build', () => {
  it('stays stopped when the build fails', async () => {
    await expect(push(undefined, stop)).rejects.toThrow('no luck');
    await expectApp(false);
  });

  it('stays stopped when the new one fails', async () => {
    await expect(push('broken', stop)).rejects.toThrow('exit code 7');
    await expectApp(false);
  });
});

describe('an app that was stopped for the new one', () => {
  const nothing = () => Promise.resolve();

  it('runs again when the new one fails', async () => {
    await expect(push('broken', nothing)).rejects.toThrow('exit code 7');
    await expectApp(true);
  });

  it('runs again when the push is interrupted', async () => {
    await expect(push('main', nothing, interrupt.signal)).rejects.toThrow('interrupted');
    await expectApp(true);
  });

  it('runs again when it was started during the build only', async () => {
    await stop();
    await expect(push('broken', start)).rejects.toThrow('exit code 7');
    await expectApp(true);
  });
});
