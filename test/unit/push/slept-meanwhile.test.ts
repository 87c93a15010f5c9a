import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { ExitCode } from '../../../src/errors.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { lockApp } from '../../../src/push/device-lock.js';
import { discardedName, labelsOf, previousName } from '../../../src/push/labels.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { systemClock } from '../../../src/system-clock.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const NIGHT_MS = 8 * 60 * 60 * 1_000;
/** How the new app ends, in the test that has it end. */
const CRASH = 'SIGUSR1';

let source: string;
let engine: FakeEngine;
let aheadMs: number;
let oldId: string;
let events: PushEvent[];
let lid: AbortController;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-slept-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  aheadMs = 0;
  events = [];
  lid = new AbortController();
  engine = new FakeEngine(
    ({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : 127),
    () => new Date(Date.now() + aheadMs),
  );
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  oldId = await engine.createContainer(APP, containerSpec(settings()));
  await engine.startContainer(oldId);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
const settings = () =>
  resolveSettings({}, { appName: APP, restartPolicy: { kind: 'no' } }, defaultSettings, { source });

/** The device's clock goes on, that of the laptop does not, and its connections are gone when it wakes. */
const sleep = (): void => {
  aheadMs += NIGHT_MS;
  lid.abort(new Error('the connection was cut'));
};

const built = () => {
  const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' } as const);
};

const push = (onStart: () => unknown, build: ImageBuilder['build'] = built) => {
  const emit = (event: PushEvent): void => {
    events.push(event);
    if (event.type === 'starting') onStart();
  };
  const store = new MemoryDeployments();
  const { signal } = lid;
  return onePush({ settings: settings(), engine, store, signal, builder: { build }, forceBuild: true, emit });
};
const warnings = (): string[] => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
const removals = () => engine.calls.filter((call) => call.startsWith('removeContainer'));

describe('a new app whose laptop slept while it was to prove itself', () => {
  it('stays when it has run ever since', async () => {
    await expect(push(sleep)).rejects.toThrow('the connection was cut');
    const app = await engine.inspectContainer(APP);
    expect(app).toMatchObject({ state: { running: true } });
    expect(app?.id).not.toBe(oldId);
    expect((await engine.inspectImage(APP))?.id).toBe(app?.imageId);
    expect(removals()).toEqual([]);
    expect((await engine.inspectContainer(oldId))?.name).toBe(discardedName(APP, oldId));
    expect(warnings()).toEqual([
      'this computer slept while the new app started, which has run since: it stays',
    ]);
  });

  it('is taken back when it has ended meanwhile, but not what it keeps in volumes of its own', async () => {
    const crash = () => {
      sleep();
      void engine.killContainer(APP, CRASH);
    };
    await expect(push(crash)).rejects.toThrow();
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: oldId, state: { running: true } });
    expect(removals()).toEqual([expect.not.stringContaining('-v')]);
  });

  it('is taken back with its volumes when the laptop was awake', async () => {
    await expect(push(() => lid.abort(new Error('interrupted')))).rejects.toThrow('interrupted');
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: oldId, state: { running: true } });
    expect(removals()).toEqual([expect.stringContaining('-v')]);
  });
});

describe('a push whose lock somebody else has taken while its laptop slept', () => {
  const other = () =>
    onePush({
      settings: settings(),
      engine,
      store: new MemoryDeployments(),
      builder: { build: built },
      forceBuild: true,
    });

  it('leaves the app to whoever has pushed it since', async () => {
    const build = async () => {
      aheadMs += NIGHT_MS;
      await other();
      throw new Error('no luck');
    };
    await expect(push(() => undefined, build)).rejects.toMatchObject({
      exitCode: ExitCode.locked,
      message: 'the lock of app ran out while this computer slept, and somebody else has pushed it since',
    });
    const app = await engine.inspectContainer(APP);
    expect(app).toMatchObject({ state: { running: true } });
    expect((await engine.inspectImage(APP))?.id).toBe(app?.imageId);
    expect([...engine.containers.keys()]).toEqual([app?.id]);
  });

  it('touches nothing while they are at work: their old app does not run beside their new one', async () => {
    const build = async () => {
      aheadMs += NIGHT_MS;
      const holder = { name: 'bert', process: 'bert', hasEnded: () => false };
      await lockApp({ engine, app: APP, holder, clock: systemClock }, new AbortController().signal);
      await engine.killContainer(oldId, 'SIGTERM');
      await engine.renameContainer(oldId, previousName(APP));
      throw new Error('no luck');
    };
    await expect(push(() => undefined, build)).rejects.toMatchObject({ exitCode: ExitCode.locked });
    expect(await engine.inspectContainer(oldId)).toMatchObject({
      name: previousName(APP),
      state: { running: false },
    });
  });
});
