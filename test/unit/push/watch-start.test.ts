import { afterEach, beforeEach, expect, it } from 'vitest';
import { watchStart } from '../../../src/push/watch-start.js';
import { systemClock } from '../../../src/system-clock.js';
import type { Container } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';

const APP = 'app';
const NEVER = new AbortController().signal;

let engine: FakeEngine;
let program: (run: number) => number | undefined;
beforeEach(async () => {
  let runs = 0;
  engine = new FakeEngine(({ killed }) => program((runs += 1)) ?? runUntilKilled(killed));
  engine.addImage('image', { cmd: ['main'] });
  const HostConfig = { RestartPolicy: { Name: 'always' } };
  await engine.createContainer(APP, { Image: 'image', Labels: {}, HostConfig });
});
afterEach(() => engine[Symbol.asyncDispose]());

async function started(): Promise<Container> {
  const container = await engine.inspectContainer(APP);
  if (container === undefined) throw new Error('it was not created');
  return container;
}

/** Resolves while the engine makes the app wait for its next start. */
async function crashed(): Promise<void> {
  await engine.startContainer(APP);
  await expect.poll(async () => (await started()).state.restarting, { interval: 1 }).toBe(true);
}

const watching = (container: Container, over = NEVER) =>
  watchStart({ engine, app: APP, clock: systemClock, signal: NEVER }, container, over);

it('an app that crashes fails, also when it is restarted while its exit is waited for', async () => {
  program = () => 2;
  await crashed();
  const start = watching(await started());
  start.catch(() => undefined);
  await engine.restartContainer(APP, 0);
  await expect(start).rejects.toMatchObject({
    exitCode: 6,
    message: expect.stringContaining('exit code 2') as string,
  });
});

it('an app that was restarted while its exit was waited for proves itself from then on', async () => {
  program = (run) => (run === 1 ? 0 : undefined);
  await crashed();
  const start = watching(await started());
  await engine.restartContainer(APP, 0);
  expect(await start).toBe('runs');
});

it('an app that ends well has ended, whether that is heard or seen', async () => {
  program = () => 0;
  await crashed();
  expect(await watching(await started())).toBe('ended');
});

it('a watch that is over says nothing of the app', async () => {
  program = () => undefined;
  await engine.startContainer(APP);
  const over = new AbortController();
  const start = watching(await started(), over.signal);
  over.abort();
  expect(await start).toBe('runs');
});
