import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushEvent, PushResult } from '../../../src/push/push-event.js';
import type { Container } from '../../../src/transport/engine.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import type { Method } from '../../contract/fake-device.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
/** The engine has started it by then, and it is not pruned. */
const BROKEN_AFTER_MS = 50;

/** Somebody runs `docker container prune` on its device just before the engine gets certain calls. */
class PrunedEngine extends FakeEngine {
  isPruned: (call: string) => boolean = () => false;

  prune(): void {
    for (const container of [...this.containers.values()]) {
      if (container.running) continue;
      this.containers.delete(container.id);
      container.removed();
    }
  }

  protected override enter(
    method: Method,
    words: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.isPruned([method, ...words].join(' '))) this.prune();
    return super.enter(method, words, signal);
  }
}

let source: string;
let engine: PrunedEngine;
let events: PushEvent[];
let interrupt: AbortController;
let oldId: string;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-pruned-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new PrunedEngine(({ argv, killed }) =>
    argv[0] === 'main' ? runUntilKilled(killed) : delay(BROKEN_AFTER_MS, 7),
  );
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  oldId = await engine.createContainer(APP, containerSpec(settings()));
  await engine.startContainer(oldId);
  events = [];
  interrupt = new AbortController();
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

/** Builds an image with that command, and puts its container in the place of the old one. */
function pushed(command: string, onStart: () => void = () => undefined): Promise<PushResult['action']> {
  const build = () => {
    const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: [command] });
    return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' } as const);
  };
  const emit = (event: PushEvent): void => {
    events.push(event);
    if (event.type === 'starting') onStart();
  };
  const store = new MemoryDeployments();
  const { signal } = interrupt;
  return onePush({ settings: settings(), engine, store, signal, builder: { build }, forceBuild: true, emit });
}

async function theApp(): Promise<Container> {
  const container = await engine.inspectContainer(APP);
  if (container === undefined) throw new Error('there is no app');
  return container;
}

const warnings = (): string[] => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

/** A new container runs as the app, from the image that has the app's name. */
async function expectNewApp(): Promise<void> {
  const { id, imageId, state } = await theApp();
  expect(id).not.toBe(oldId);
  expect(state.running).toBe(true);
  expect((await engine.inspectImage(APP))?.id).toBe(imageId);
  expect([...engine.containers.values()].map(({ name }) => name)).toEqual([APP]);
}

describe('an old container that is pruned while the new one proves itself', () => {
  const prune = () => engine.prune();

  it('is no failure of the push: it would have been discarded', async () => {
    expect(await pushed('main', prune)).toBe('build');
    await expectNewApp();
  });

  it('leaves the new app to a user who interrupts the push, and says so', async () => {
    const interrupted = pushed('main', () => {
      prune();
      interrupt.abort(new Error('interrupted'));
    });
    await expect(interrupted).rejects.toThrow(/^interrupted$/);
    await expectNewApp();
    expect(warnings()).toContainEqual(
      expect.stringMatching(/old container of app was taken away by somebody/),
    );
    expect(events.filter(({ type }) => type === 'rolled-back')).toEqual([]);
  });

  it('leaves a new app that fails, since there is none to go back to, and says so', async () => {
    await expect(pushed('broken', prune)).rejects.toMatchObject({
      exitCode: ExitCode.appFailed,
      message: 'app ended with exit code 7 within 2 s of its start',
    });
    expect((await theApp()).id).not.toBe(oldId);
    expect((await engine.inspectImage(APP))?.id).toBe((await theApp()).imageId);
    expect(warnings()).toContainEqual(
      expect.stringMatching(/old container of app was taken away by somebody/),
    );
  });
});

it('an old container whose restart policy the engine refuses to change is replaced nevertheless', async () => {
  engine.failNext('setRestartPolicy', new EngineError(409, 'no'));
  expect(await pushed('main')).toBe('build');
  await expectNewApp();
});

describe('a new container that is pruned before it runs', () => {
  const once = (pattern: RegExp) => {
    let isDone = false;
    engine.isPruned = (call) => !isDone && (isDone = pattern.test(call));
  };

  it.each([
    ['while the old app runs', /^statPath \S+ \/bin\/sh$/],
    ['with the old one, which has just ended', /^renameContainer \S+ app\.rdt-previous$/],
    ['with the old one, which was put aside', /^renameContainer \S+ app$/],
    ['with the old one, when it is to be started', /^startContainer /],
  ])('%s, is made again', async (_, pattern) => {
    once(pattern);
    expect(await pushed('main')).toBe('build');
    await expectNewApp();
    expect(warnings()).toEqual([
      'the new container of app was removed by somebody else before it had proved itself; it is made again',
    ]);
  });

  it('again and again, is given up: the old app runs on', async () => {
    engine.isPruned = (call) => /^statPath \S+ \/bin\/sh$/.test(call);
    await expect(pushed('main')).rejects.toThrow(
      /^the new container of app was removed by somebody else 3 times before it had proved itself$/,
    );
    expect(await theApp()).toMatchObject({ id: oldId, state: { running: true } });
    expect((await engine.inspectImage(APP))?.id).toBe((await theApp()).imageId);
  });
});
