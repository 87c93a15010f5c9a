import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { restartContainer } from '../../../src/push/stop-container.js';
import type { Container } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { FakeClock } from './fake-clock.js';

const signal = new AbortController().signal;

let engine: FakeEngine;
let clock: FakeClock;
let id: string;
let container: Container;

beforeEach(async () => {
  clock = new FakeClock();
  engine = new FakeEngine(({ killed }) => runUntilKilled(killed));
  engine.addImage('app', { cmd: ['main'] });
  id = await engine.createContainer('app', { Image: 'app', Labels: {}, HostConfig: {} });
  container = await started();
});
afterEach(() => engine[Symbol.asyncDispose]());

async function started(): Promise<Container> {
  await engine.startContainer(id);
  const now = await engine.inspectContainer(id);
  if (now === undefined) throw new Error('it was just started');
  engine.calls.length = 0;
  return now;
}

/** Changes that an app makes with no handler for the stop signal: the engine waits until somebody kills it. */
function makeDeaf(): void {
  engine.restartContainer = async () => {
    await engine.waitContainer(id, 'next-exit');
    engine.container(id).start();
  };
}

/** Lets time pass, and whoever woke up sleep again. */
async function pass(ms: number): Promise<void> {
  await clock.advance(ms);
  await nextTurn();
}

const restart = (graceMs: number): Promise<void> =>
  restartContainer(engine, container, { graceMs, clock, signal });
const kills = (): string[] => engine.calls.filter((call) => call.startsWith('killContainer'));
const runs = async (): Promise<boolean | undefined> => (await engine.inspectContainer(id))?.state.running;

it('leaves an app that ends by itself to the engine, with the grace in whole seconds', async () => {
  await restart(1_200);
  expect(engine.calls).toContain(`restartContainer ${id} 2`);
  expect(kills()).toEqual([]);
  expect(await runs()).toBe(true);
});

it('starts an app that does not run', async () => {
  await engine.killContainer(id, 'SIGKILL');
  container = { ...container, state: { ...container.state, running: false } };
  await restart(1_000);
  expect(await runs()).toBe(true);
});

it('kills an app that has no handler for the signal long before the grace', async () => {
  makeDeaf();
  engine.listensTo = () => Promise.resolve(false as never);
  const restarting = restart(10_000);
  await clock.advance(60);
  await restarting;
  expect(kills()).toEqual([`killContainer ${id} SIGKILL`]);
  expect(await runs()).toBe(true);
});

it('asks again whether the app has a handler as long as that cannot be told, ever more rarely', async () => {
  makeDeaf();
  const askedAtMs: number[] = [];
  const answers = [undefined, undefined, false];
  engine.listensTo = () => {
    askedAtMs.push(clock.monotonicMs());
    return Promise.resolve(answers.shift() as never);
  };
  const startMs = clock.monotonicMs();
  const restarting = restart(10_000);
  for (const pauseMs of [50, 100, 200]) await pass(pauseMs);
  await restarting;
  expect(askedAtMs.map((ms) => ms - startMs)).toEqual([50, 150, 350]);
  expect(kills()).toEqual([`killContainer ${id} SIGKILL`]);
});

it('asks no more when the app is known to have a handler', async () => {
  makeDeaf();
  let asked = 0;
  engine.listensTo = () => {
    asked += 1;
    return Promise.resolve(true as never);
  };
  const restarting = restart(1_000);
  for (const pauseMs of [50, 100, 200, 400, 250]) await pass(pauseMs);
  await restarting;
  expect(asked).toBe(1);
});

it('kills an app after its grace, which may be less than the second that the engine counts in', async () => {
  makeDeaf();
  const restarting = restart(200);
  await clock.advance(200);
  await restarting;
  expect(kills()).toEqual([`killContainer ${id} SIGKILL`]);
});

it('does not kill the app that was started meanwhile', async () => {
  let finish = (): void => undefined;
  engine.restartContainer = () => new Promise((resolve) => (finish = resolve));
  engine.waitContainer = () => new Promise(() => undefined);
  const restarting = restart(200);
  const running = engine.container(id);
  await running.kill(9, { final: true });
  running.start();
  running.startedAt = '2030-01-01T00:00:00Z';
  await clock.advance(200);
  await expect.poll(() => engine.calls).toContain(`inspectContainer ${id}`);
  finish();
  await restarting;
  expect(kills()).toEqual([]);
  expect(await runs()).toBe(true);
});

it('starts the app again that was killed just after its new start', async () => {
  engine.restartContainer = async () => {
    await engine.waitContainer(id, 'next-exit');
  };
  const restarting = restart(200);
  await clock.advance(200);
  await restarting;
  expect(await runs()).toBe(true);
});
