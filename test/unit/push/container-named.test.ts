import { afterEach, beforeEach, expect, it } from 'vitest';
import { containerNamed, imageNamed } from '../../../src/push/container-named.js';
import { rollBack } from '../../../src/push/roll-back.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const never = new AbortController().signal;

let engine: FakeEngine;
let otherId: string;

beforeEach(async () => {
  engine = new FakeEngine(() => undefined);
  engine.addImage('other');
  otherId = await engine.createContainer('other', { Image: 'other', Labels: {}, HostConfig: {} });
});
afterEach(() => engine[Symbol.asyncDispose]());

it('an app is not the container whose id begins with its name', async () => {
  const app = otherId.slice(0, 4);
  expect(await containerNamed(engine, app, never)).toBeUndefined();
  expect(await containerNamed(engine, 'other', never)).toMatchObject({ id: otherId });
  const request = { engine, app, previous: undefined, watched: undefined, emit: () => undefined };
  expect(await rollBack({ ...request, signal: never })).toBe('nothing');
});

it('nor one of several whose ids do, of which the engine complains', async () => {
  engine.inspectContainer = () =>
    Promise.reject(new EngineError(500, 'Multiple IDs found with provided prefix: a'));
  expect(await containerNamed(engine, 'a', never)).toBeUndefined();
  engine.inspectContainer = () => Promise.reject(new EngineError(500, 'no space left'));
  await expect(containerNamed(engine, 'a', never)).rejects.toThrow('no space left');
});

it('nor one that is just being removed: what is there afterwards is', async () => {
  const inspect = engine.inspectContainer.bind(engine);
  engine.inspectContainer = async (ref) => {
    const found = await inspect(ref);
    const isOld = found?.id === otherId;
    return isOld ? { ...found, state: { ...found.state, status: 'removing', running: false } } : found;
  };
  const looking = containerNamed(engine, 'other', never);
  await engine.removeContainer(otherId, { removeAnonymousVolumes: false });
  expect(await looking).toBeUndefined();
  const newId = await engine.createContainer('other', { Image: 'other', Labels: {}, HostConfig: {} });
  expect(await containerNamed(engine, 'other', never)).toMatchObject({ id: newId });
});

it('nor is its image the one whose id does', async () => {
  const { imageId } = engine.container(otherId).describe();
  expect(await engine.inspectImage(imageNamed(imageId.slice('sha256:'.length, 11)))).toBeUndefined();
});
