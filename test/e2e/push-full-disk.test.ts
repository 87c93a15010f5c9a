import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { type AppState, HELLO, PushedApp } from './pushed-app.js';
import { WatchedApp } from './watched-app.js';

let device: VirtualDevice;
let app: PushedApp;
let before: AppState;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'push-full-disk',
    announce: false,
    images: ['busybox'],
    diskMegabytes: 96,
  });
  app = new PushedApp(device, 'full', { ...HELLO, '.dockerignore': 'large\n', 'greeting.txt': 'old' });
  await app.push();
  before = await app.state();
  await device.fillDisk({ leaveBytes: 3 << 20 });
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

const NO_SPACE =
  /rdt: the container refused the sync to \/usr\/src\/app: .*no space left on device\n.*make room on it/i;
/** Of a disk that has no block left for one more folder. */
const NO_LOCK =
  /^rdt: create rdt-lock\.full\.\d+: .*no space left on device\n.*The disk of the device is probably full\. Make room on it .*\n$/i;

it('a sync that does not fit says so, leaves every old file, and the app runs on', async () => {
  app.write('greeting.txt', 'new');
  app.write('large', randomBytes(8 << 20));
  const { exitCode, stderr } = await app.tryPush();
  expect(exitCode, stderr).toBe(1);
  expect(stderr).toMatch(NO_SPACE);
  expect(await app.state()).toEqual(before);
  expect(await app.exec('cat', 'greeting.txt')).toBe('old');
});

it('a small one, on a disk without any room, does the same', async () => {
  const state = await app.state();
  await device.freeDisk();
  await device.fillDisk({ leaveBytes: 0 });
  app.remove('large');
  app.write('greeting.txt', 'new');
  app.write('small', randomBytes(200 << 10));
  const { exitCode, stderr } = await app.tryPush();
  expect(exitCode, stderr).toBe(1);
  expect(NO_LOCK.test(stderr) || NO_SPACE.test(stderr), stderr).toBe(true);
  expect(await app.exec('cat', 'greeting.txt')).toBe('old');
  expect(await app.state()).toEqual(state);
  await device.freeDisk();
  await device.fillDisk({ leaveBytes: 3 << 20 });
  app.remove('small');
});

it('one with deletions, which goes through a script in the container, does the same', async () => {
  app.write('greeting.txt', 'old');
  app.write('doomed.txt', '');
  await app.push();
  app.remove('doomed.txt');
  app.write('greeting.txt', 'new');
  app.write('large', randomBytes(8 << 20));
  const { exitCode, stderr } = await app.tryPush();
  expect(exitCode, stderr).toBe(1);
  expect(stderr).toMatch(NO_SPACE);
  expect(await app.exec('cat', 'greeting.txt')).toBe('old');
  expect((await app.state()).running).toBe(true);
});

it('a build that does not fit says so, and the app runs on', async () => {
  const state = await app.state();
  app.write('.dockerignore', '');
  const { exitCode, stderr } = await app.tryPush('--force-build');
  expect(exitCode, stderr).toBe(5);
  expect(stderr).toMatch(/The device says: .*no space left on device/);
  expect(await app.state()).toEqual(state);
  expect(await app.leftovers()).toEqual([]);
});

it('all of it is healed by a push when there is room again', async () => {
  await device.freeDisk();
  await app.push();
  await app.expectInStep();
  expect(await app.exec('cat', 'greeting.txt')).toBe('new');
});

it('a watch brings what did not fit as soon as there is room, all of it, and nothing of it before', async () => {
  await using watched = new WatchedApp(device, 'watched', {
    ...HELLO,
    '.dockerignore': 'large\n',
    'greeting.txt': 'old',
    'doomed.txt': 'old',
  });
  const large = randomBytes(8 << 20);
  await watched.watch();
  await device.fillDisk({ leaveBytes: 3 << 20 });
  try {
    const failed = await watched.andThen('batch-failed', () => {
      watched.write('large', large);
      watched.write('greeting.txt', 'new');
      watched.remove('doomed.txt');
    });
    expect(failed['message']).toMatch(/no space left on device/i);
    expect(await watched.exec('cat', 'greeting.txt', 'doomed.txt')).toBe('oldold');
  } finally {
    await device.freeDisk();
  }
  await watched.untilInStep(60_000);
  expect((await watched.stop()).exitCode).toBe(0);
});
