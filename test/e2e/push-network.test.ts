import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { CuttingProxy } from './cutting-proxy.js';
import { type AppState, HELLO, PushedApp } from './pushed-app.js';
import type { RdtResult, RunningRdt } from './rdt.js';
import { WatchedApp } from './watched-app.js';

/** From the moment when the cable is pulled: the lease of the lock, and what undoing needs to find the device gone. */
const BOUND_MS = 40_000;

const LINK = { roundTripMs: 20, megabitPerSecond: 8 };

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'push-network',
    announce: false,
    images: ['busybox'],
    link: LINK,
  });
});
afterAll(() => device.down());

async function pushedApp(name: string): Promise<PushedApp> {
  const app = new PushedApp(device, name, { ...HELLO, 'greeting.txt': 'old', '.dockerignore': 'large\n' });
  await app.push();
  return app;
}

/** Through the slow link. */
const slowPush = (app: PushedApp, ...args: string[]): RunningRdt =>
  app.rdt.start(['push', device.linkAddress, '--app-name', app.name, '--skip-logs', ...args], {
    cwd: app.folder,
  });

const withLine = (line: string): string => `${HELLO['Dockerfile'] ?? ''}${line}\n`;

async function expectHealed(app: PushedApp): Promise<void> {
  await eventually(async () => (await app.tryPush()).exitCode === 0, {
    what: 'a push that succeeds again',
    withinMs: 60_000,
    everyMs: 500,
  });
  expect((await app.state()).running).toBe(true);
  await app.expectInStep();
  expect(await app.leftovers()).toEqual([]);
}

/** One cut serves all that were under way. */
describe('a cable that is pulled', () => {
  let syncing: PushedApp;
  let building: PushedApp;
  let proving: PushedApp;
  let results: Record<'syncing' | 'building' | 'proving', RdtResult>;
  let cutForMs: number;
  let buildingBefore: AppState;

  beforeAll(async () => {
    [syncing, building, proving] = await Promise.all([
      pushedApp('syncing'),
      pushedApp('building'),
      pushedApp('proving'),
    ]);
    buildingBefore = await building.state();
    building.write('Dockerfile', withLine('RUN echo begun; sleep 120'));
    const build = slowPush(building);
    await build.until(/ {2}begun/);
    syncing.write('greeting.txt', 'new');
    syncing.write('large', randomBytes(20 << 20));
    const sync = slowPush(syncing);
    await eventually(async () => (await folderOf(syncing, 'readlink', '.rdt-state')) === 'dirty\n', {
      what: 'a sync under way',
      withinMs: 20_000,
    });
    proving.write('Dockerfile', withLine('LABEL proved=no'));
    const proof = proving.startPush();
    await proof.until(/starting proving/);
    await device.unplug();
    const startMs = performance.now();
    const [syncResult, buildResult, proofResult] = await Promise.all([
      sync.ended(),
      build.ended(),
      proof.ended(),
    ]);
    results = { syncing: syncResult, building: buildResult, proving: proofResult };
    cutForMs = performance.now() - startMs;
  });
  afterAll(() => {
    for (const app of [syncing, building, proving]) app[Symbol.dispose]();
  });

  /** In the container's folder as the device sees it: an engine that still waits for files answers nothing about the container. */
  async function folderOf(app: PushedApp, command: string, file: string): Promise<string> {
    const root = rootOf.get(app) ?? (await app.inspect('{{.GraphDriver.Data.MergedDir}}/usr/src/app'));
    rootOf.set(app, root);
    return (await device.run([command, `${root}/${file}`])).stdout;
  }
  const rootOf = new Map<PushedApp, string>();

  it('fails every push in bounded time with the reason', () => {
    for (const { exitCode, stderr } of Object.values(results)) {
      expect(exitCode, stderr).toBe(4);
      expect(stderr).toMatch(/rdt: (Cannot reach|Lost|The container engine at) tcp:\/\/\S+/);
    }
    expect(results.proving.stderr).toContain('What this push has begun is taken back by the next one.');
    expect(cutForMs).toBeLessThan(BOUND_MS);
  });

  it('while files are sent leaves old content, and the next push heals', async () => {
    await device.plug();
    expect(await folderOf(syncing, 'cat', 'greeting.txt')).toBe('old');
    await expectHealed(syncing);
  });

  it('while an image is built leaves the old app, and the next push heals', async () => {
    expect(await building.state()).toEqual(buildingBefore);
    building.write('Dockerfile', HELLO['Dockerfile'] ?? '');
    building.write('greeting.txt', 'healed');
    await expectHealed(building);
  });

  it('while the new app proves itself is healed by the next push', async () => {
    await expectHealed(proving);
  });

  it('and plugged in again after some seconds costs nothing but them', async () => {
    building.write('Dockerfile', withLine('RUN echo begun again; sleep 4'));
    const push = slowPush(building);
    await push.until(/ {2}begun again/);
    await device.unplug();
    await eventually(async () => (await building.leftovers()).length > 0, {
      what: 'the lock',
      withinMs: 5000,
    });
    await device.plug();
    expect((await push.ended()).exitCode).toBe(0);
    await building.expectInStep();
  });

  it('before a push begins fails it in 3 s', async () => {
    await device.unplug();
    const { exitCode, stderr, durationMs } = await slowPush(building).ended();
    await device.plug();
    expect(exitCode, stderr).toBe(4);
    expect(durationMs).toBeLessThan(4000);
  });
});

describe('a link that loses every twentieth packet', () => {
  let app: WatchedApp;

  beforeAll(async () => {
    await device.setLink({ roundTripMs: 20, megabitPerSecond: 8, lossPercent: 5 });
    app = new WatchedApp(device, 'lossy', HELLO, device.linkAddress);
    for (let file = 0; file < 100; file++) app.write(`many/${file}.txt`, `this is file ${file}`);
    app.write('random.bin', randomBytes(1 << 20));
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await device.setLink(LINK);
  });

  async function expectPushed(): Promise<void> {
    const { exitCode, stderr } = await slowPush(app).ended();
    expect(exitCode, stderr).toBe(0);
    await app.expectInStep();
  }

  it('takes a build', expectPushed);

  it('takes edits and deletions', async () => {
    app.write('many/1.txt', 'edited');
    app.write('random.bin', randomBytes(1 << 20));
    await expectPushed();
    app.remove('many/2.txt');
    app.write('many/3.txt', 'edited');
    await expectPushed();
  });

  it('takes what is saved while it is watched, and is never taken for a device that is away', async () => {
    await app.watch();
    for (let edit = 1; edit <= 5; edit++) {
      await app.andThen('batch', () => app.write('many/1.txt', `saved ${edit}`));
      await app.expectInStep();
    }
    await app.andThen('batch', () => app.write('random.bin', randomBytes(1 << 20)));
    await app.expectInStep();
    expect(app.ofType('device-lost')).toEqual([]);
    expect((await app.stop()).exitCode).toBe(0);
  });
});

describe('an engine that', () => {
  let app: PushedApp;

  beforeAll(async () => {
    app = await pushedApp('hanging');
  });
  afterAll(() => app[Symbol.dispose]());

  it('hangs fails a push in bounded time, and the next one succeeds', async () => {
    app.write('greeting.txt', 'while it hangs');
    await device.pauseEngine();
    const { exitCode, stderr, durationMs } = await app.tryPush();
    await device.resumeEngine();
    expect(exitCode, stderr).toBe(4);
    expect(durationMs).toBeLessThan(15_000);
    await app.push();
    await app.expectInStep();
  });

  it('dies while a build step runs fails the push at once', async () => {
    app.write('Dockerfile', withLine('RUN echo begun; sleep 60'));
    const push = app.startPush();
    await push.until(/ {2}begun/);
    await device.killEngine();
    const { exitCode, stderr } = await push.ended();
    await device.startEngine();
    expect(exitCode, stderr).toBe(4);
    app.write('Dockerfile', withLine('LABEL engine=back'));
    await app.forgetLock();
    await expectHealed(app);
  });
});

it('gets what compresses well in a fraction of its bytes, and with --no-compress as it is', async () => {
  using app = await pushedApp('packed');
  const bytesOf = async (content: string, ...args: string[]): Promise<number> => {
    await using proxy = await CuttingProxy.open(device.linkAddress, device.enginePort);
    app.write('text', content.repeat(1 << 16));
    const target = `tcp://127.0.0.1:${proxy.port}`;
    const push = app.rdt.start(['push', target, '--app-name', 'packed', '--skip-logs', ...args], {
      cwd: app.folder,
    });
    expect((await push.ended()).exitCode).toBe(0);
    await app.expectInStep();
    return proxy.sentBytes;
  };
  const size = 16 << 16;
  expect(await bytesOf('a sixteenth, one')).toBeLessThan(size / 10);
  expect(await bytesOf('a sixteenth, two', '--no-compress')).toBeGreaterThan(size);
});
