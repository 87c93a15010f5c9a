import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mustRun } from '../testbed/program.js';
import { processorSeconds, residentMegabytes } from '../testbed/process-use.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { CuttingProxy } from './cutting-proxy.js';
import { LOOP } from './pushed-app.js';
import { WatchedApp, type WatchedEvent } from './watched-app.js';

const FILES = {
  Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY main.sh .\nCMD ["sh", "main.sh"]\n',
  'main.sh': LOOP,
};
/** An app whose processes stay the same. */
const QUIET = { ...FILES, 'main.sh': 'trap "exit 0" TERM\nsleep 1000 & wait\n' };
/** `RDT_WATCH_BATCHES=10000` for a long run. */
const BATCHES = Number(process.env['RDT_WATCH_BATCHES'] ?? 150);

let device: VirtualDevice;
let other: VirtualDevice;

beforeAll(async () => {
  [device, other] = await Promise.all([
    VirtualDevice.up({ name: 'w4-large', images: ['busybox'] }),
    VirtualDevice.up({ name: 'w4-large2', images: ['busybox'] }),
  ]);
});
afterAll(() => Promise.all([device.down(), other.down()]));

function writeMany(app: WatchedApp, count: number, content: string): void {
  for (let index = 0; index < count; index++) {
    const folder = app.path(`src/d${index % 40}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file${index}.js`), `${content} ${index}\n`);
  }
}

function git(app: WatchedApp, ...words: string[]): void {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com'];
  const { status, stderr } = spawnSync('git', [...identity, ...words], { cwd: app.folder });
  expect(status, stderr.toString()).toBe(0);
}

it('takes a checkout of 2,000 files as few batches', async () => {
  await using app = new WatchedApp(device, 'checkout', FILES);
  writeMany(app, 2_000, 'one');
  git(app, 'init', '--quiet', '--initial-branch', 'one');
  git(app, 'add', '.');
  git(app, 'commit', '--quiet', '--message', 'one');
  git(app, 'checkout', '--quiet', '-b', 'two');
  rmSync(app.path('src/d7'), { recursive: true });
  writeMany(app, 1_990, 'two');
  rmSync(app.path('src/d8'), { recursive: true });
  git(app, 'add', '.');
  git(app, 'commit', '--quiet', '--message', 'two');
  await app.watch();
  for (const branch of ['one', 'two', 'one']) {
    await app.andThen('batch', () => git(app, 'checkout', '--quiet', branch));
    await app.untilInStep();
  }
  expect(app.ofType('batch').length).toBeLessThanOrEqual(6);
});

it('takes away 10,000 files that were deleted at once', { timeout: 240_000 }, async () => {
  await using app = new WatchedApp(device, 'deletion', FILES);
  writeMany(app, 10_000, 'soon gone');
  app.write('kept.txt', 'kept');
  await app.watch('--force', '--restart', 'none');
  rmSync(app.path('src'), { recursive: true });
  await app.untilInStep(60_000);
});

it('does not delete most of what it sent, when the folder suddenly is empty, unless --force says so', async () => {
  await using app = new WatchedApp(device, 'emptied', FILES);
  writeMany(app, 300, 'x');
  await app.watch();
  const aside = `${app.folder}-aside`;
  await app.andThen('warning', () => renameSync(app.path('src'), aside));
  expect((await app.deployedTree()).has('src/d1/file1.js')).toBe(true);
  renameSync(aside, app.path('src'));
  app.write('after.txt', 'x');
  await app.untilInStep();
});

it('brings what it can of a save every 10 ms for 10 s meanwhile, and is in step afterwards', async () => {
  await using app = new WatchedApp(device, 'saves', FILES);
  await app.watch('--restart', 'none');
  const endMs = performance.now() + 10_000;
  for (let save = 0; performance.now() < endMs; save++) {
    app.write('saved.txt', `save ${save}\n`);
    await delay(10);
  }
  expect(app.ofType('batch').length).toBeGreaterThanOrEqual(5);
  await app.untilInStep();
  expect(app.ofType('batch-failed')).toEqual([]);
});

it('names a file that a program writes to all the time, once', async () => {
  await using app = new WatchedApp(device, 'log', FILES);
  await app.watch('--restart', 'process');
  const isTold = ({ type, message }: WatchedEvent): boolean =>
    type === 'warning' &&
    String(message).startsWith('app.log changes all the time, and each time the app is');
  const writing = setInterval(() => app.write('app.log', `${performance.now()}\n`), 50);
  try {
    await app.untilEvent(isTold, { withinMs: 45_000 });
    await app.andThen('batch', () => undefined);
  } finally {
    clearInterval(writing);
  }
  await app.untilInStep();
  expect(app.events.filter(isTold)).toHaveLength(1);
});

it('leaves a package alone that npm installs beside the app', async () => {
  await using app = new WatchedApp(device, 'install', { ...FILES, 'package.json': '{ "private": true }' });
  const npm = (...args: string[]): Promise<string> =>
    mustRun(['npm', ...args, '--offline', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: app.folder,
    });
  const yaml = fileURLToPath(new URL('../../node_modules/yaml', import.meta.url));
  const tarball = await npm('pack', yaml, '--pack-destination', app.rdt.home, '--silent');
  await app.watch();
  await npm('install', join(app.rdt.home, tarball.trim()));
  await app.untilInStep();
  expect(existsSync(app.path('node_modules/yaml/package.json'))).toBe(true);
  const synced = [...(await app.deployedTree()).keys()].filter((path) => /node_modules|package/.test(path));
  expect(synced).toEqual(['package-lock.json', 'package.json']);
  expect(app.ofType('batch').length).toBeLessThanOrEqual(2);
});

it('watches one folder for two devices', async () => {
  await using app = new WatchedApp(device, 'two', FILES);
  await app.watch();
  const second = app.rdt.start(['push', other.address, '--app-name', 'two', '--watch', '--json'], {
    cwd: app.folder,
  });
  await second.until(/"type":"watching"/);
  app.write('both.txt', 'x');
  await app.untilInStep();
  await second.until(/"type":"batch"/);
  const there = await other.docker('exec', 'two', 'cat', '/usr/src/app/both.txt');
  expect(there.stdout).toBe('x');
  second.kill('SIGINT');
  expect((await second.ended()).exitCode).toBe(0);
  expect(app.ofType('project-changed')).toEqual([]);
});

it(`keeps its memory over ${BATCHES} batches`, { timeout: 60_000 + BATCHES * 2_000 }, async () => {
  await using app = new WatchedApp(device, 'memory', FILES);
  await app.watch('--restart', 'none', '--skip-logs');
  const save = async (count: number): Promise<void> => {
    for (let batch = 0; batch < count; batch++)
      await app.andThen('batch', () => app.write('saved.txt', `${batch} of ${count}`));
  };
  await save(Math.floor(BATCHES / 3));
  const before = residentMegabytes(pidOf(app));
  await save(BATCHES);
  expect(residentMegabytes(pidOf(app)) - before).toBeLessThan(25);
});

it('needs no connection and no program in the container for a save but those that it has', async () => {
  await using proxy = await CuttingProxy.open(device.address, device.enginePort);
  await using app = new WatchedApp(device, 'kept', QUIET, `tcp://127.0.0.1:${proxy.port}`);
  await app.watch('--restart', 'none');
  const save = (content: string) => app.andThen('batch', () => app.write('saved.txt', content));
  await save('first');
  const processes = async () => (await app.docker('top', app.name, '-o', 'pid')).split('\n').sort();
  const before = { connections: proxy.connections, processes: await processes() };
  for (let n = 0; n < 20; n++) await save(String(n));
  expect(await processes()).toEqual(before.processes);
  // A look at the container may still wait for its answer when the next save comes, and what waits for the app's end may begin late.
  expect(proxy.connections - before.connections).toBeLessThanOrEqual(2);
});

it('needs less than 0.5 % of a processor while nothing happens', async () => {
  await using app = new WatchedApp(device, 'idle', FILES);
  writeMany(app, 1_000, 'x');
  await app.watch();
  const shares: number[] = [];
  // A start leaves garbage to collect for half a minute, and another test on the same processors makes the same work take longer.
  while (Math.min(...shares) >= 0.005 && shares.length < 5) shares.push(await processorShare(pidOf(app)));
  expect(Math.min(...shares), shares.join()).toBeLessThan(0.005);
});

/** Of one processor, in 20 s. */
async function processorShare(pid: number): Promise<number> {
  const before = processorSeconds(pid);
  await delay(20_000);
  return (processorSeconds(pid) - before) / 20;
}

const pidOf = (app: WatchedApp): number => app.process.child.pid ?? 0;
