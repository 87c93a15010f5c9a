import { describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { lockApp, newNonce } from '../../../src/push/device-lock.js';
import type { Holder } from '../../../src/push/lock-tickets.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import type { Method } from '../../contract/fake-device.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { FakeClock } from './fake-clock.js';

/** Whoever works with it presses Ctrl-C while it answers. */
class InterruptingEngine extends FakeEngine {
  readonly interrupt = new AbortController();
  interruptAfter: Method | undefined;

  protected override async enter(
    method: Method,
    words: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await super.enter(method, words, signal);
    if (method === this.interruptAfter) this.interrupt.abort(new Error('interrupted'));
  }
}

const NO_LABELS = /knows no volumes by their labels/;

const never = new AbortController().signal;
/** Knows by its name that the process of somebody else has ended. */
const holderNamed = (name: string): Holder => ({
  name,
  process: name,
  hasEnded: (process) => process.endsWith('that has ended'),
});
const request = (engine: FakeEngine, clock: FakeClock, name = 'anna@laptop (pid 1)') => ({
  engine,
  app: 'app',
  holder: holderNamed(name),
  clock,
});

async function lockNames(engine: FakeEngine): Promise<string[]> {
  const { volumes } = await engine.listVolumes('io.resin.rdt.lock=app');
  return volumes.map(({ name }) => name).sort();
}

describe('the lock on the device', () => {
  it('lets nobody else in while it is held, and says who holds it', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    await using lock = await lockApp(request(engine, clock), never);
    await expect(lockApp(request(engine, clock, 'bert@desk (pid 2)'), never)).rejects.toMatchObject({
      exitCode: ExitCode.locked,
      message: expect.stringContaining('anna@laptop (pid 1)') as string,
    });
    expect(lock.lost.aborted).toBe(false);
  });

  it('that a push of this computer has left which was cut off is told as such, and when it ends', async () => {
    let now = 1_800_000_000_000;
    const engine = new FakeEngine(undefined, () => new Date(now));
    await using lock = await lockApp(request(engine, new FakeClock(), 'one that has ended'), never);
    now += 7_000;
    const asked = engine.calls.length;
    await expect(lockApp(request(engine, new FakeClock()), never)).rejects.toMatchObject({
      exitCode: ExitCode.locked,
      message: 'a push of app from this computer, one that has ended, was cut off and has left its lock',
      hint: expect.stringContaining('goes away by itself within 18 s') as string,
    });
    expect(engine.calls.slice(asked)).toEqual(['listVolumes io.resin.rdt.lock=app']);
    expect(lock.lost.aborted).toBe(false);
  });

  it('leaves nothing on the device when it is let go', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    await (await lockApp(request(engine, clock), never))[Symbol.asyncDispose]();
    expect(await lockNames(engine)).toEqual([]);
    await using again = await lockApp(request(engine, clock, 'bert'), never);
    expect(again.lost.aborted).toBe(false);
  });

  it('is taken over by the process that could not let it go, and by nobody else', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    const nonce = newNonce();
    const before = await lockApp({ ...request(engine, clock), nonce }, never);
    await expect(lockApp(request(engine, clock, 'bert'), never)).rejects.toMatchObject({ exitCode: 8 });
    await using again = await lockApp({ ...request(engine, clock), nonce }, never);
    expect(await lockNames(engine)).toEqual(['rdt-lock.app.2']);
    expect(again.lost.aborted || before.lost.aborted).toBe(false);
  });

  it('of two who ask at once lets exactly one in', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((who) => lockApp(request(engine, clock, who), never)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]();
  });

  it('belongs to whoever comes when the holder died 26 s ago, but not 20 s ago', async () => {
    const start = 1_800_000_000_000;
    let now = start;
    const engine = new FakeEngine(undefined, () => new Date(now));
    const ticket = (takenAtMs: number) => ({
      'io.resin.rdt.lock': 'app',
      'io.resin.rdt.lock.holder': 'a dead one',
      'io.resin.rdt.lock.nonce': 'dead',
      'io.resin.rdt.lock.taken-at-ms': String(takenAtMs),
    });
    await engine.createVolume('rdt-lock.app.3', ticket(start - 20_000));
    await expect(lockApp(request(engine, new FakeClock()), never)).rejects.toThrow('a dead one');
    now = start + 6_000;
    await using lock = await lockApp(request(engine, new FakeClock()), never);
    expect(lock.lost.aborted).toBe(false);
    expect(await lockNames(engine)).toEqual(['rdt-lock.app.4']);
  });

  it.each([
    ['just when it has its own ticket', 'createVolume'],
    ['while the stale ticket is removed', 'removeVolume'],
  ] as const)('of a dead holder, whose taking over is interrupted %s, is held by nobody', async (_, step) => {
    const engine = new InterruptingEngine();
    const labels = { 'io.resin.rdt.lock': 'app', 'io.resin.rdt.lock.nonce': 'dead' };
    for (const number of [3, 4]) await engine.createVolume(`rdt-lock.app.${number}`, labels);
    engine.interruptAfter = step;
    const interrupted = lockApp(request(engine, new FakeClock()), engine.interrupt.signal);
    await expect(interrupted).rejects.toThrow('interrupted');
    await using lock = await lockApp(request(engine, new FakeClock(), 'bert'), never);
    expect(lock.lost.aborted).toBe(false);
  });

  it('is renewed as long as it is held, by a new ticket for the old one', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    await using lock = await lockApp(request(engine, clock), never);
    for (let renewal = 2; renewal <= 4; renewal++) {
      await clock.advance(8_000);
      await expect.poll(() => lockNames(engine)).toEqual([`rdt-lock.app.${renewal}`]);
    }
    expect(lock.lost.aborted).toBe(false);
  });

  it('tells its holder when somebody else has taken it', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    await using lock = await lockApp(request(engine, clock), never);
    await engine.createVolume('rdt-lock.app.2', {
      'io.resin.rdt.lock': 'app',
      'io.resin.rdt.lock.nonce': 'x',
    });
    await clock.advance(8_000);
    await expect.poll(() => lock.lost.aborted).toBe(true);
  });

  it('outlives that somebody prunes the volumes of the device', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    const lock = await lockApp(request(engine, clock), never);
    await engine.removeVolume('rdt-lock.app.1');
    await clock.advance(8_000);
    await expect.poll(() => lockNames(engine)).toEqual(['rdt-lock.app.2']);
    await engine.removeVolume('rdt-lock.app.2');
    await lock[Symbol.asyncDispose]();
    expect(lock.lost.aborted).toBe(false);
    expect(await lockNames(engine)).toEqual([]);
  });

  it.each([
    ['has ended', true],
    ['goes on', false],
  ])('is lost when it ran out while its holder slept, and the push of another one %s', async (_, ends) => {
    let now = 1_800_000_000_000;
    const engine = new FakeEngine(undefined, () => new Date(now));
    const clock = new FakeClock();
    await using lock = await lockApp(request(engine, clock), never);
    now += 26_000;
    const other = await lockApp(request(engine, new FakeClock(), 'bert'), never);
    expect(other.debt.owedTo('any')).toEqual([]);
    other.debt.settle();
    if (ends) await other[Symbol.asyncDispose]();
    await clock.advance(8_000);
    await expect.poll(() => lock.lost.aborted).toBe(true);
    expect(lock.lost.reason).toMatchObject({ exitCode: ExitCode.locked });
    await other[Symbol.asyncDispose]();
    expect(await lockNames(engine)).toEqual([]);
  });

  it('that ran out while its holder slept, and that nobody wanted, is held on to', async () => {
    let now = 1_800_000_000_000;
    const engine = new FakeEngine(undefined, () => new Date(now));
    const clock = new FakeClock();
    await using lock = await lockApp(request(engine, clock), never);
    now += 26_000;
    await clock.advance(8_000);
    await expect.poll(() => lockNames(engine)).toEqual(['rdt-lock.app.2']);
    expect(lock.lost.aborted).toBe(false);
    expect(await lock.lapsedAtMs(never)).toBe(1_800_000_026_000);
  });

  it('tells its holder whether it has run out, and refuses when somebody else has taken it', async () => {
    let now = 1_800_000_000_000;
    const engine = new FakeEngine(undefined, () => new Date(now));
    const clock = new FakeClock();
    await using lock = await lockApp(request(engine, clock), never);
    now += 24_000;
    expect(await lock.lapsedAtMs(never)).toBeUndefined();
    now += 1_000;
    expect(await lock.lapsedAtMs(never)).toBe(now);
    await using other = await lockApp(request(engine, clock, 'bert@desk (pid 2)'), never);
    expect(await other.lapsedAtMs(never)).toBeUndefined();
    await expect(lock.lapsedAtMs(never)).rejects.toMatchObject({
      exitCode: ExitCode.locked,
      message: expect.stringContaining('bert@desk') as string,
    });
  });

  it('outlives a device that is silent for a moment, and leaves nothing behind', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    const lock = await lockApp(request(engine, clock), never);
    engine.failNext('createVolume', connectionCut('the device'));
    await clock.advance(8_000);
    await clock.advance(2_000);
    await expect.poll(() => lockNames(engine)).toEqual(['rdt-lock.app.2']);
    expect(lock.lost.aborted).toBe(false);
    await lock[Symbol.asyncDispose]();
    expect(await lockNames(engine)).toEqual([]);
  });

  it('that is abandoned asks nothing more of the device, and is taken over by who has its nonce', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    const nonce = newNonce();
    const lock = await lockApp({ ...request(engine, clock), nonce }, never);
    lock.abandon();
    const asked = engine.calls.length;
    await lock[Symbol.asyncDispose]();
    expect(engine.calls).toHaveLength(asked);
    await expect(lockApp(request(engine, clock, 'bert'), never)).rejects.toThrow('anna@laptop (pid 1)');
    await using again = await lockApp({ ...request(engine, clock), nonce }, never);
    expect(again.lost.aborted).toBe(false);
  });

  it('cannot be had of an engine that takes too long for it, which is told as no answer', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    engine.createVolume = (_name, _labels, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const failure = lockApp(request(engine, clock), never).catch((error: unknown) => error);
    await clock.advance(10_000);
    expect(await failure).toMatchObject({
      exitCode: ExitCode.unreachable,
      message: `The container engine at ${engine.description} gave no answer within 10 s.`,
    });
  });

  it('is not barred by a volume without labels, which an engine leaves that was ended while it made a ticket', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    for (const number of [1, 2, 4]) await engine.createVolume(`rdt-lock.app.${number}`, {});
    const lock = await lockApp(request(engine, clock), never);
    expect(await lockNames(engine)).toEqual(['rdt-lock.app.3']);
    await expect(lockApp(request(engine, clock, 'bert'), never)).rejects.toThrow('anna@laptop (pid 1)');
    await clock.advance(8_000);
    await expect.poll(() => lockNames(engine)).toEqual(['rdt-lock.app.5']);
    await lock[Symbol.asyncDispose]();
    expect(lock.lost.aborted).toBe(false);
    expect([...engine.volumes.keys()]).toEqual([]);
  });

  it('asks for a newer engine where volumes have no labels, as before Docker 1.11, and leaves none there', async () => {
    const engine = new FakeEngine();
    const create = engine.createVolume.bind(engine);
    engine.createVolume = (name, _, signal) => create(name, {}, signal);
    await expect(lockApp(request(engine, new FakeClock()), never)).rejects.toThrow(NO_LABELS);
    expect([...engine.volumes.keys()]).toEqual([]);
  });

  it('asks for a newer engine where volumes cannot be found by label, as before Docker 1.13', async () => {
    const engine = new FakeEngine();
    engine.failNext('listVolumes', new EngineError(500, "Invalid filter 'label'"));
    await expect(lockApp(request(engine, new FakeClock()), never)).rejects.toThrow(NO_LABELS);
  });

  it('outlives that a volume in its way is in use by somebody', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    await engine.createVolume('rdt-lock.app.1', {});
    const lock = await lockApp(request(engine, clock), never);
    engine.failNext('removeVolume', new EngineError(409, 'remove rdt-lock.app.1: volume is in use'));
    await lock[Symbol.asyncDispose]();
    expect([...engine.volumes.keys()]).toEqual(['rdt-lock.app.1']);
  });

  it.each([0, 1])('of two who find volumes without labels lets exactly one in (%#)', async (ahead) => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    for (const number of [1, 2]) await engine.createVolume(`rdt-lock.app.${number}`, {});
    const asking = ['a', 'b'].map(async (who, index) => {
      for (let step = 0; step < index * ahead * 3; step++) await Promise.resolve();
      return lockApp(request(engine, clock, who), never);
    });
    const results = await Promise.allSettled(asking);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]();
    expect([...engine.volumes.keys()]).toEqual([]);
  });

  it('is lost with the device, which is what its holder is told', async () => {
    const engine = new FakeEngine();
    const clock = new FakeClock();
    await using lock = await lockApp(request(engine, clock), never);
    engine.disconnect();
    await clock.advance(8_000);
    for (let retry = 1; retry <= 9; retry++) {
      expect(lock.lost.aborted).toBe(false);
      await clock.advance(2_000);
    }
    await expect.poll(() => lock.lost.aborted).toBe(true);
    expect(lock.lost.reason).toMatchObject({ exitCode: ExitCode.unreachable });
  });
});
