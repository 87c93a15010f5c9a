import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discardedName, labelsOf, previousName, SPEC_LABEL } from '../../../src/push/labels.js';
import { type RollBack, rollBack } from '../../../src/push/roll-back.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const APP = 'app';
const ALWAYS = { name: 'always', maximumRetries: 0 } as const;
const { signal } = new AbortController();
let engine: FakeEngine;
let newId: string;
let previous: NonNullable<RollBack['previous']>;

const created = (name: string, policy: 'no' | 'always') =>
  engine.createContainer(name, {
    Image: APP,
    Labels: { ...labelsOf(APP), [SPEC_LABEL]: 'x' },
    HostConfig: { RestartPolicy: { Name: policy } },
  });

beforeEach(async () => {
  engine = new FakeEngine();
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  const id = await created(previousName(APP), 'no');
  newId = await created(APP, 'always');
  previous = { id, wasStopped: true, restartPolicy: ALWAYS };
});
afterEach(() => engine[Symbol.asyncDispose]());

const undo = () => rollBack({ engine, app: APP, previous, created: new Set([newId]), signal });
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

  it('gives the old app its restart policy back when the new one has made room for it', async () => {
    engine.failNext('setRestartPolicy', full());
    await undo();
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, restartPolicy: ALWAYS });
  });

  it('tells of an old app that cannot have its restart policy back, and has it run', async () => {
    engine.setRestartPolicy = () => Promise.reject(full());
    await expect(undo()).rejects.toThrow('no space left on device');
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
    engine.failNext('renameContainer', new EngineError(404, 'sandbox 2d0aecc8 not found'));
    const look = engine.inspectContainer.bind(engine);
    engine.inspectContainer = async (...args) => {
      const found = await look(...args);
      return found && { ...found, state: { ...found.state, restarting: found.id === previous.id } };
    };
    await undo();
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: previous.id, state: { running: true } });
  });

  it('ends no app that runs because it cannot have its name', async () => {
    engine.failNext('renameContainer', new EngineError(500, 'no space left on device'));
    engine.calls.length = 0;
    await expect(undo()).rejects.toThrow('no space left on device');
    expect(engine.calls.filter((call) => call.startsWith('killContainer'))).toEqual([]);
  });

  it('gives an old app its name that cannot be started: a push that mends it must not meet what this one began', async () => {
    engine.failNext('startContainer', new EngineError(500, 'no such device'));
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
