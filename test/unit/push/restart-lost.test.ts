import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const NEVER = { name: 'no', maximumRetries: 0 };
const ALWAYS = { name: 'always', maximumRetries: 0 };
const BROKEN_AFTER_MS = 50;

let source: string;
let engine: FakeEngine;
let store: MemoryDeployments;
let warnings: string[];
let id: string | undefined;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-restart-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) => {
    if (argv[0] === 'main') return runUntilKilled(killed);
    return argv[0] === 'broken' ? delay(BROKEN_AFTER_MS, 7) : 127;
  });
  store = new MemoryDeployments();
  await push('main');
  id = (await engine.inspectContainer(APP))?.id;
  warnings = [];
  engine.calls.length = 0;
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

/** Builds an image with that command, if it builds. */
const push = (command: string, forceBuild = false) => {
  const build = () => {
    const image = engine.addImage(APP, { labels: labelsOf(APP), cmd: [command] });
    return Promise.resolve({ type: 'built', imageId: image.id, builder: 'buildkit' } as const);
  };
  const settings = resolveSettings({}, { appName: APP }, defaultSettings, { source });
  const emit = (event: PushEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  return onePush({ settings, engine, store, builder: { build }, forceBuild, emit });
};
const policyChanges = () => engine.calls.filter((call) => call.startsWith('setRestartPolicy'));
const expectOldApp = async (restartPolicy: object) =>
  expect(await engine.inspectContainer(APP)).toMatchObject({ id, restartPolicy, state: { running: true } });

describe('an app that has lost its restart policy', () => {
  beforeEach(async () => {
    await engine.setRestartPolicy(APP, NEVER);
    engine.calls.length = 0;
  });

  it('has it again after the next push, which builds nothing, and the one after that asks for nothing', async () => {
    expect(await push('main')).toBe('none');
    await expectOldApp(ALWAYS);
    expect(warnings).toEqual(['app had lost its restart policy always, and has it again']);
    expect(await push('main')).toBe('none');
    expect(policyChanges()).toHaveLength(1);
  });

  it('runs on without it where the device does not take it, and the push says so', async () => {
    engine.failNext('setRestartPolicy', new EngineError(500, 'no space left on device'));
    expect(await push('main')).toBe('none');
    await expectOldApp(NEVER);
    expect(warnings).toEqual([expect.stringMatching(/^app had lost .* and cannot have it back now/)]);
  });

  it('has it again when a push is taken back', async () => {
    await expect(push('broken', true)).rejects.toThrow('exit code 7');
    await expectOldApp(ALWAYS);
  });
});

it('an app whose push was taken back on a full disk has its restart policy again after the next push', async () => {
  const change = engine.setRestartPolicy.bind(engine);
  engine.setRestartPolicy = (ref, policy, ...rest) =>
    policy.name === 'no'
      ? change(ref, policy, ...rest)
      : Promise.reject(new EngineError(500, 'no space left'));
  await expect(push('broken', true)).rejects.toThrow('exit code 7');
  await expectOldApp(NEVER);
  engine.setRestartPolicy = change;
  expect(await push('main')).toBe('none');
  await expectOldApp(ALWAYS);
});

it('an old app that is left aside on a full disk has its restart policy again when the next push takes it back', async () => {
  let isFull = false;
  for (const method of ['setRestartPolicy', 'renameContainer', 'startContainer'] as const) {
    const request = engine[method].bind(engine) as (...args: unknown[]) => Promise<void>;
    engine[method] = (...args: unknown[]) =>
      isFull ? Promise.reject(new EngineError(500, 'no space left')) : request(...args);
  }
  const logs = engine.logs.bind(engine);
  engine.logs = (...args) => {
    isFull = true;
    return logs(...args);
  };
  await expect(push('broken', true)).rejects.toThrow('no space left');
  isFull = false;
  engine.logs = logs;
  await expect(push('broken', true)).rejects.toThrow('exit code 7');
  await expectOldApp(ALWAYS);
});
