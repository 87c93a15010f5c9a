import { symlinkSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';
import { WatchedApp } from './watched-app.js';

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'power-cut',
    announce: false,
    images: ['busybox'],
    diskMegabytes: 512,
  });
});
afterAll(() => device.down());

async function loseWrites(): Promise<void> {
  await device.breakDisk();
  await device.reboot({ powerCut: true });
}

it('files that the disk had not got yet when the power went are sent again, though the token is there', async () => {
  using app = new PushedApp(device, 'lossy', HELLO);
  await app.push();
  app.write('new.txt', 'new');
  app.write('main.sh', `${HELLO['main.sh'] ?? ''}# newer\n`);
  await app.push();
  await loseWrites();
  // As a tar, whose first block is the header.
  const { stdout } = await device.dockerWith({}, 'cp', 'lossy:/usr/src/app/new.txt', '-');
  expect(stdout.slice(512, 515)).toBe('\0\0\0');
  const { stderr } = await app.push();
  expect(stderr).toMatch(/sent [12] files?/);
  await app.expectInStep();
  expect((await app.push()).stderr).toContain('up to date');
});

it('a watch brings them by itself', async () => {
  await using app = new WatchedApp(device, 'watched', HELLO);
  await app.watch();
  await app.andThen('batch', () => app.write('new.txt', 'new'));
  await app.andThen('device-back', loseWrites);
  await app.untilInStep();
});

it('what was deleted goes again when it is back, and what the app has put there stays', async () => {
  using app = new PushedApp(device, 'undeleted', {
    ...HELLO,
    'old/a.txt': 'a',
    'old/b.txt': 'b',
    'old/large': 'x'.repeat(5 << 20),
    'uploads/a.txt': 'a',
  });
  symlinkSync('../elsewhere', app.path('current'));
  await app.push();
  const token = await app.exec('readlink', '.rdt-state');
  await app.exec('cp', '-p', 'old/large', 'old/a.txt', '/tmp');
  app.remove('old');
  app.remove('uploads');
  app.remove('current');
  await app.push();
  await app.exec(
    'sh',
    '-c',
    `mkdir old uploads; cp -p /tmp/large /tmp/a.txt old; echo data >old/b.txt; ln -s ../elsewhere current; ln -sfn ${token} .rdt-state`,
  );
  await device.reboot();
  app.write('beside.txt', '');
  await app.push();
  expect(await app.exec('ls', 'old')).toBe('b.txt');
  expect(await app.exec('ls', '-d', 'uploads')).toBe('uploads');
  expect(await app.exec('readlink', 'current')).toBe('../elsewhere');
});
