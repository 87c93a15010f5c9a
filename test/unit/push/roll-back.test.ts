import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { discardedName, labelsOf, previousName, SPEC_LABEL } from '../../../src/push/labels.js';
import { type RollBack, rollBack } from '../../../src/push/roll-back.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const APP = 'app';
const ALWAYS = { name: 'always', maximumRetries: 0 } as const;
const { signal } = new AbortController();
let engine: FakeEngine;
let newId: string;
let warnings: string[];
let previous: NonNullable<RollBack['previous']>;

const created = (name: string, policy: 'no' | 'always') =>
  engine.createContainer(name, {
    Image: APP,
    Labels: { ...labelsOf(APP), [SPEC_LABEL]: 'x' },
    HostConfig: { RestartPolicy: { Name: policy } },
  });

beforeEach(async () => {
  engine = new FakeEngine();
  warnings = [];
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  const id = await created(previousName(APP), 'no');
  newId = await created(APP, 'always');
  previous = { id, wasStopped: true, restartPolicy: ALWAYS };
});
afterEach(async () => {
  vi.useRealTimers();
  await engine[Symbol.asyncDispose]();
});

const emit = (event: PushEvent): void => {
  if (event.type === 'warning') warnings.push(event.message);
};
const undo = () => {
  const watched = { created: new Set([newId]), unwatchedUntilMs: undefined };
  return rollBack({ engine, app: APP, previous, watched, emit, signal });
};
/** The first `times` times. */
function failRenamingOld(error: Error, times = 1): void {
  const rename = engine.renameContainer.bind(engine);
  let tries = 0;
  engine.renameContainer = (id, ...rest) =>
    id === previous.id && tries++ < times ? Promise.reject(error) : rename(id, ...rest);
}
const full = () => new EngineError(500, 'no space left on device');

describe('taking back, after a new container failed,', () => {
  it('has the old app run although the engine cannot remove the new container at once', async () => {
    engine.failNext(
      'removeContainer',
      new EngineError(500, 'driver "aufs" failed to remove root filesystem: device or resource busy'),
    );
    await undo();
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, state: { running: true } });
    // The next push takes it away, and nothing starts it meanwhile.
    expect(await engine.inspectContainer(newId)).toMatchObject({
      name: discardedName(APP, newId),
      restartPolicy: { name: 'no' },
    });
  });

  it('has the old app run that was asked to end, and does so a little later', async () => {
    await engine.startContainer(previous.id);
    const old = await engine.inspectContainer(previous.id);
    previous = { ...previous, stoppedRun: { startedAt: old?.state.startedAt ?? '', graceMs: 4_500 } };
    const restart = vi.spyOn(engine, 'restartContainer');
    expect(await undo()).toBe('undone');
    expect(restart.mock.calls.map(([id, seconds]) => [id, seconds])).toEqual([[previous.id, 5]]);
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, state: { running: true } });
  });

  it('leaves the old app alone that somebody has started again since it was asked to end', async () => {
    await engine.startContainer(previous.id);
    previous = { ...previous, stoppedRun: { startedAt: '2020-01-01T00:00:00Z', graceMs: 4_500 } };
    const restart = vi.spyOn(engine, 'restartContainer');
    expect(await undo()).toBe('undone');
    expect(restart).not.toHaveBeenCalled();
  });

  it('has the old app run before the new container is removed, which may take minutes', async () => {
    await engine.startContainer(newId);
    const remove = engine.removeContainer.bind(engine);
    const seen: unknown[] = [];
    engine.removeContainer = async (...args) => {
      const [app, next] = [await engine.inspectContainer(APP), await engine.inspectContainer(newId)];
      seen.push({ oldRuns: app?.id === previous.id && app.state.running, newRuns: next?.state.running });
      await remove(...args);
    };
    expect(await undo()).toBe('undone');
    expect(seen).toEqual([{ oldRuns: true, newRuns: false }]);
    expect([...engine.containers.keys()]).toEqual([previous.id]);
  });

  it('leaves a new container to the next push whose removal does not come to an end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    engine.removeContainer = (_ref, _options, within) =>
      new Promise((_resolve, reject) => {
        within?.addEventListener('abort', () => reject(within.reason as Error), { once: true });
        void vi.advanceTimersByTimeAsync(15_000);
      });
    expect(await undo()).toBe('undone');
    expect(warnings).toEqual([
      'the new container of app could not be removed, the next push takes it away: the device takes more than 15 s for it',
    ]);
    expect(await engine.inspectContainer(newId)).toMatchObject({ name: discardedName(APP, newId) });
  });

  it.each(['renameContainer', 'startContainer'] as const)(
    'makes room first where the disk is too full for %s',
    async (method) => {
      const request = engine[method].bind(engine) as (...args: unknown[]) => Promise<void>;
      engine[method] = (...args: unknown[]) =>
        engine.containers.has(newId) ? Promise.reject(full()) : request(...args);
      expect(await undo()).toBe('undone');
      expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, state: { running: true } });
      expect([...engine.containers.keys()]).toEqual([previous.id]);
    },
  );

  it('takes a container away that an earlier try has had step aside', async () => {
    engine.failNext('startContainer', connectionCut('fake'));
    await expect(undo()).rejects.toThrow('the connection was cut');
    expect(await undo()).toBe('undone');
    expect([...engine.containers.keys()]).toEqual([previous.id]);
  });

  it('gives the old app its restart policy back when the new one has made room for it', async () => {
    engine.failNext('setRestartPolicy', full());
    await undo();
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, restartPolicy: ALWAYS });
  });

  it('tells of an old app that cannot have its restart policy back, and has it run', async () => {
    engine.setRestartPolicy = () => Promise.reject(full());
    expect(await undo()).toBe('undone');
    expect(warnings).toEqual([expect.stringMatching(/^app has lost its restart policy always,/)]);
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, state: { running: true } });
  });

  it('has the old app run before it has its name: what is cut off in between is seen by the next push', async () => {
    engine.calls.length = 0;
    await undo();
    const at = (what: string) => engine.calls.findIndex((call) => call.startsWith(`${what} ${previous.id}`));
    expect(at('startContainer')).toBeGreaterThan(-1);
    expect(at('startContainer')).toBeLessThan(at('renameContainer'));
  });

  it('gives an old app its name that crashes again and again: the engine renames none that it is about to start', async () => {
    failRenamingOld(new EngineError(404, 'sandbox 2d0aecc8 not found'));
    const look = engine.inspectContainer.bind(engine);
    engine.inspectContainer = async (...args) => {
      const found = await look(...args);
      return found && { ...found, state: { ...found.state, restarting: found.id === previous.id } };
    };
    await undo();
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, state: { running: true } });
  });

  it('ends no app that runs because it cannot have its name', async () => {
    failRenamingOld(full(), Infinity);
    engine.calls.length = 0;
    await expect(undo()).rejects.toThrow('no space left on device');
    expect(engine.calls.filter((call) => call.startsWith(`killContainer ${previous.id}`))).toEqual([]);
  });

  it('gives an old app its name that cannot be started: a push that mends it must not meet what this one began', async () => {
    engine.startContainer = () => Promise.reject(new EngineError(500, 'no such device'));
    await expect(undo()).rejects.toThrow('no such device');
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id });
  });

  it('puts an old app back that only waited for its removal, where the new one is gone', async () => {
    await engine.renameContainer(previous.id, discardedName(APP, previous.id));
    await engine.removeContainer(newId, { removeAnonymousVolumes: false });
    await undo();
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, state: { running: true } });
  });
});
