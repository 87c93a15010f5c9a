import { describe, expect, it } from 'vitest';
import { EarlyStop } from '../../../src/push/early-stop.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { FakeClock } from './fake-clock.js';

const signal = new AbortController().signal;

async function runningApp() {
  const engine = new FakeEngine();
  engine.addImage('app', { cmd: ['main'] });
  const id = await engine.createContainer('app', { Image: 'app', Labels: {}, HostConfig: {} });
  await engine.startContainer(id);
  const container = engine.container(id);
  const options = { graceMs: 1000, clock: new FakeClock(), signal };
  const early = new EarlyStop(engine, container.describe(), options);
  const isRunning = () => container.running;
  return { engine, early, isRunning, calls: () => engine.calls.map((call) => call.split(' ')[0]) };
}

describe('an app that is stopped early', () => {
  it('is asked to end at once, and started when it has ended', async () => {
    const { early, isRunning, calls } = await runningApp();
    early.begin();
    expect(calls().slice(2)).toEqual(['waitContainer', 'killContainer']);
    await early.start();
    expect(isRunning()).toBe(true);
    expect(calls().at(-1)).toBe('startContainer');
  });

  it('is asked once, however often that is begun', async () => {
    const { early, calls } = await runningApp();
    early.begin();
    early.begin();
    await early.start();
    expect(calls().filter((call) => call === 'killContainer')).toHaveLength(1);
  });

  it('is left alone when nothing was begun', async () => {
    const { early, calls } = await runningApp();
    const before = calls();
    await early.start();
    expect(early.hasBegun).toBe(false);
    expect(calls()).toEqual(before);
  });

  it('that cannot be stopped is said to whoever starts it', async () => {
    const { engine, early } = await runningApp();
    engine.failNext('killContainer', connectionCut('tcp://fake:2375'));
    early.begin();
    await expect(early.start()).rejects.toMatchObject({ exitCode: 4 });
  });
});
