import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ExitCode, RdtError } from '../../../src/errors.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { discardedName, labelsOf } from '../../../src/push/labels.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { systemClock } from '../../../src/system-clock.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import type { Engine } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush, type OnePush } from './one-push.js';

const APP = 'app';
const hurried = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 40, signal),
};

let source: string;
let real: FakeEngine;
let oldId: string;
let events: PushEvent[];

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-failing-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  await setUp();
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await real[Symbol.asyncDispose]();
});

async function setUp(): Promise<void> {
  real = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : 7));
  real.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  oldId = await real.createContainer(APP, containerSpec(settings()));
  await real.startContainer(oldId);
  events = [];
}

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

type Request = () => Promise<unknown>;

/** The same engine, each request of which is carried out by `through`. */
function behind(
  engine: FakeEngine,
  through: (call: string, request: Request) => Promise<unknown>,
): FakeEngine {
  return new Proxy(engine, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || !isRequest(key)) return value;
      return (...args: unknown[]) =>
        through([key, ...args.filter((arg) => typeof arg === 'string')].join(' '), () =>
          Promise.resolve(Reflect.apply(value, target, args)),
        );
    },
  });
}

const REQUESTS = new Set<string>([
  'inspectContainer',
  'inspectImage',
  'startContainer',
  'killContainer',
  'renameContainer',
  'setRestartPolicy',
  'removeContainer',
  'tagImage',
  'removeImage',
] satisfies (keyof Engine)[]);
const isRequest = (key: string | symbol): key is string => typeof key === 'string' && REQUESTS.has(key);

const push = (engine: FakeEngine, command: string, options: Partial<OnePush> = {}) => {
  const build = () => {
    const { id } = real.addImage(APP, { labels: labelsOf(APP), cmd: [command] });
    return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' } as const);
  };
  const emit = (event: PushEvent): void => void events.push(event);
  return onePush({
    settings: settings(),
    engine,
    store: new MemoryDeployments(),
    builder: { build },
    forceBuild: true,
    clock: hurried,
    emit,
    ...options,
  });
};

const warnings = () => events.filter(({ type }) => type === 'warning');

async function expectNewApp(): Promise<void> {
  const app = await real.inspectContainer(APP);
  expect(app).toMatchObject({ state: { running: true } });
  expect(app?.id).not.toBe(oldId);
  expect((await real.inspectImage(APP))?.id).toBe(app?.imageId);
}

describe('when the new container has proved itself, and the answer that the old one is discarded is lost, a push', () => {
  const isDiscarding = (call: string) => call === `renameContainer ${oldId} ${discardedName(APP, oldId)}`;

  it('is done', async () => {
    const engine = behind(real, async (call, request) => {
      const answer = await request();
      if (isDiscarding(call)) throw connectionCut('fake');
      return answer;
    });
    expect(await push(engine, 'main')).toBe('build');
    await expectNewApp();
    expect(real.containers.size).toBe(1);
    expect(warnings()).toEqual([]);
  });

  it('fails for the connection only when it cannot find that out, and leaves the new app', async () => {
    let losses = 0;
    const engine = behind(real, async (call, request) => {
      const answer = await request();
      if (isDiscarding(call)) losses = 2;
      if (losses-- > 0) throw connectionCut('fake');
      return answer;
    });
    await expect(push(engine, 'main')).rejects.toThrow(/^Lost fake: the connection was cut\.$/);
    await expectNewApp();
    expect(warnings()).toEqual([]);
    expect(events.map(({ type }) => type)).not.toContain('rolled-back');
  });
});

describe('when the connection is cut while what a new container has replaced is removed, a push', () => {
  const cuts: readonly [string, () => boolean][] = [
    ['with the old container', (): boolean => true],
    ['before its image', (): boolean => real.containers.size === 1],
  ];
  const cutAtRemoval = (isTime: () => boolean): FakeEngine =>
    behind(real, (call, request) => {
      if (call.startsWith('remove') && isTime()) real.disconnect();
      return request();
    });

  it.each(cuts)('is done, %s', async (_, isTime) => {
    let saves = 0;
    const save = () => Promise.resolve(void (saves += 1));
    expect(await push(cutAtRemoval(isTime), 'main', { save })).toBe('build');
    expect(saves).toBe(1);
    expect(warnings().at(-1)).toMatchObject({
      message: expect.stringMatching(/left to the next push: Lost .* the connection was cut\.$/) as string,
    });
    real.reconnect();
    await expectNewApp();
  });

  it.each(cuts)('leaves the rest to the next build, %s', async (_, isTime) => {
    await push(cutAtRemoval(isTime), 'main');
    real.reconnect();
    // Its lock has run out.
    real.volumes.clear();
    expect(real.images.size).toBe(2);
    await push(real, 'main');
    expect([real.containers.size, real.images.size]).toEqual([1, 1]);
    await expectNewApp();
  });

  it('is ended by what is a bug', async () => {
    const engine = behind(real, (call, request) =>
      call.startsWith('removeContainer') ? Promise.reject(new Error('a bug')) : request(),
    );
    await expect(push(engine, 'main')).rejects.toThrow('a bug');
  });
});

describe('one request that fails while a new container is taken back that failed', () => {
  /** Answers whether there was such a request. */
  async function failing(at: number, fail: (request: Request) => Promise<unknown>): Promise<boolean> {
    let count = 0;
    const isStarted = () => events.some(({ type }) => type === 'starting');
    const engine = behind(real, (_call, request) =>
      isStarted() && count++ === at ? fail(request) : request(),
    );
    await expect(push(engine, 'broken')).rejects.toThrow();
    return count > at;
  }

  it.each([
    ['is refused', () => Promise.reject(new EngineError(500, 'no luck'))],
    ['is cut off', () => Promise.reject(connectionCut('fake'))],
    [
      'is carried out, and its answer lost',
      async (request: Request) => {
        await request();
        throw connectionCut('fake');
      },
    ],
  ])('leaves the old app running, whichever %s', async (_what, fail) => {
    const seen = [];
    for (let at = 0; await failing(at, fail); at++) {
      const app = await real.inspectContainer(APP);
      const taggedId = (await real.inspectImage(APP))?.id;
      seen.push({
        at,
        isOld: app?.id === oldId && app.state.running,
        policy: app?.restartPolicy.name,
        isImageOld: taggedId === app?.imageId,
        rolledBack: events.filter(({ type }) => type === 'rolled-back').length,
      });
      await real[Symbol.asyncDispose]();
      await setUp();
    }
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(
      seen.map(({ at }) => ({ at, isOld: true, policy: 'always', isImageOld: true, rolledBack: 1 })),
    );
  });
});

describe('one request at which a push is disturbed leaves no image behind, at the latest when the next one finds nothing to do,', () => {
  const HELD = 'app:rdt-previous';
  const unlessRefused = (error: unknown): void => {
    if (!(error instanceof RdtError)) throw error;
  };
  /** When the lock of one that has died has run out. It builds when that one has left another image, and then fails as that did. */
  const nextPush = async (store: MemoryDeployments): Promise<void> => {
    real.volumes.clear();
    await onePush({ settings: settings(), engine: real, store, clock: hurried }).catch(unlessRefused);
  };
  const lost = () => Promise.reject(connectionCut('fake'));

  /** Answers the images that are there in the end; undefined when there was no such request. */
  async function disturbed(
    at: number,
    command: string,
    { isDead, fail }: { isDead: boolean; fail: (request: Request) => Promise<unknown> },
  ): Promise<string[] | undefined> {
    const store = new MemoryDeployments();
    let count = 0;
    const engine = behind(real, (_call, request) => {
      count += 1;
      if (isDead && count > at + 1) return lost();
      return count === at + 1 ? fail(request) : request();
    });
    await push(engine, command, { store }).catch(unlessRefused);
    if (count <= at) return undefined;
    await nextPush(store);
    const tags = [...real.images.values()].map((image) => image.tags.join(' '));
    await real[Symbol.asyncDispose]();
    await setUp();
    return tags;
  }

  const afterwards = async (request: Request) => {
    await request();
    return lost();
  };
  const refused = () => Promise.reject(new EngineError(500, 'no luck'));

  describe.each(['main', 'broken'])('where the new app is `%s`:', (command) => {
    it.each([
      ['the engine refuses it', { isDead: false, fail: refused }],
      ['it is cut off', { isDead: false, fail: lost }],
      ['its answer is lost', { isDead: false, fail: afterwards }],
      ['rdt dies before it', { isDead: true, fail: lost }],
      ['rdt dies after it', { isDead: true, fail: afterwards }],
    ])('%s', async (_what, how) => {
      const seen: string[][] = [];
      for (;;) {
        const images = await disturbed(seen.length, command, how);
        if (images === undefined) break;
        seen.push(images);
      }
      expect(seen.length).toBeGreaterThan(20);
      expect(seen).toEqual(seen.map(() => ['app:latest']));
    });
  });

  it('but the image of somebody else under a passing name', async () => {
    const theirs = [real.addImage(HELD), real.addImage('app:rdt-replacing')];
    expect(await push(real, 'main')).toBe('build');
    expect(theirs.map(({ tags }) => tags)).toEqual([[HELD], ['app:rdt-replacing']]);
    expect(theirs.every(({ id }) => real.images.has(id))).toBe(true);
  });
});

describe('taking back', () => {
  async function silentFor30S(signal: AbortSignal | undefined): Promise<void> {
    await vi.advanceTimersByTimeAsync(30_000);
    signal?.throwIfAborted();
  }

  it('is given up after a few tries, with the last failure', async () => {
    let tries = 0;
    const engine = behind(real, (call, request) => {
      if (call !== `startContainer ${oldId}`) return request();
      tries += 1;
      return Promise.reject(new EngineError(500, `no luck ${tries}`));
    });
    // The first try asks twice: what makes room goes in between.
    await expect(push(engine, 'broken')).rejects.toThrow(/could not be taken back: no luck 5$/);
  });

  it('is tried once where the app was not stopped: a lost device is told of at once', async () => {
    let looks = 0;
    let isCut = false;
    const engine = behind(real, (call, request) => {
      const isBuilt = real.images.size > 1;
      if (isBuilt && call === 'inspectContainer app.rdt-next') isCut = true;
      if (!isCut) return request();
      if (call === `inspectContainer ${oldId}`) looks += 1;
      return Promise.reject(connectionCut('fake'));
    });
    await expect(push(engine, 'main')).rejects.toThrow('the connection was cut');
    expect(looks).toBe(1);
  });

  it('is given up after half a minute, and that is what is told', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const start = real.startContainer.bind(real);
    real.startContainer = (ref, signal) => (ref === oldId ? silentFor30S(signal) : start(ref, signal));
    await expect(push(real, 'broken')).rejects.toMatchObject({
      exitCode: ExitCode.unreachable,
      message: expect.stringMatching(/taken back: .* took longer than 30 s for it$/) as string,
    });
  });

  it('is not tried again when somebody else has taken both containers away', async () => {
    let looks = 0;
    const engine = behind(real, (call, request) => {
      if (/^killContainer \S+ SIGKILL$/.test(call)) {
        real.containers.clear();
        return Promise.reject(new EngineError(500, 'no luck'));
      }
      if (real.containers.size === 0 && call === 'inspectContainer app.rdt-next') looks += 1;
      return request();
    });
    await expect(push(engine, 'broken')).rejects.toThrow(/taken away by somebody else$/);
    expect(looks).toBe(1);
  });
});
