import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RdtError } from '../../src/errors.js';
import { WatchfulReader } from '../contract/watchful-reader.js';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { ChannelRig } from './channel-rig.js';

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'warm-channel',
    announce: false,
    images: ['busybox', 'gnu', 'scratch-app'],
  });
});
afterAll(() => device.down());

describe.each(['busybox', 'gnu'])('the warm channel into %s', (image) => {
  it('never shows half a file, nor none, to a reader in the container', async () => {
    await using rig = await ChannelRig.start(device, `reader-${image}`, image);
    const sizeBytes = 200_000;
    rig.folder.write('file', Buffer.alloc(sizeBytes, 'a'));
    await rig.folder.sync();
    const reader = WatchfulReader.ofContent(device, rig.name, '/usr/src/app/file', sizeBytes);
    for (let n = 1; n <= 60; n++) {
      rig.folder.write('file', Buffer.alloc(sizeBytes, n % 2 === 0 ? 'a' : 'b'));
      for (let beside = 0; beside < n % 12; beside++) rig.folder.write(`beside/${beside}`, `${n}`);
      expect(await rig.folder.commit()).toMatchObject({ channel: 'warm' });
    }
    expect(await reader.seen()).toMatch(/^\d+ reads\n$/);
    await rig.folder.expectInStep();
  });

  it('is warm again after the container was restarted, and right meanwhile', async () => {
    await using rig = await ChannelRig.start(device, `restart-${image}`, image);
    for (let n = 1; n <= 4; n++) {
      rig.folder.write('a.txt', `before ${n}`);
      await rig.folder.sync();
      const restarted = rig.docker('restart', '--time', '1', rig.name);
      rig.folder.write('a.txt', `while ${n}`);
      await rig.folder.commit().catch(() => rig.folder.commit());
      await restarted;
      await rig.folder.expectInStep();
      await rig.untilWarm();
    }
    rig.folder.write('a.txt', 'after');
    expect(await rig.folder.commit()).toMatchObject({ channel: 'warm' });
    await rig.folder.expectInStep();
  });
});

it('a container that does not run is brought in step all the same', async () => {
  await using rig = await ChannelRig.start(device, 'stopped', 'busybox');
  await rig.docker('stop', '--time', '1', rig.name);
  rig.folder.write('a.txt', 'x');
  expect(await rig.folder.commit()).toMatchObject({ kind: 'committed', channel: 'archive' });
  await rig.folder.expectInStep();
});

it('changes nothing where somebody else has pushed meanwhile', async () => {
  await using rig = await ChannelRig.start(device, 'foreign', 'busybox');
  rig.folder.write('a.txt', 'ours');
  await rig.folder.sync();
  await rig.exec('ln', '-sfn', 'v1.theirs', '.rdt-state');
  await rig.folder.writeThere('a.txt', 'theirs');
  rig.folder.write('a.txt', 'ours again');
  await expect(rig.folder.commit()).rejects.toThrow(
    /something else than this push has changed the files in foreign/,
  );
  expect(await rig.exec('cat', 'a.txt')).toBe('theirs');
  expect(await rig.exec('readlink', '.rdt-state')).toBe('v1.theirs');
});

it('goes on after an error: the next commit finds the shell waiting', async () => {
  await using rig = await ChannelRig.start(device, 'error', 'busybox');
  rig.folder.write('a', 'x');
  await rig.folder.sync();
  await rig.exec('mkdir', '-p', 'taken/by the app');
  rig.folder.write('taken', 'file');
  await expect(rig.folder.commit()).rejects.toThrow(/taken is a folder/);
  rig.folder.remove('taken');
  rig.folder.write('b', 'x');
  rig.folder.remembered = undefined;
  expect(await rig.folder.commit()).toMatchObject({ channel: 'warm' });
  expect(await rig.exec('cat', 'b')).toBe('x');
});

it.each([1, 300, 3_000, 90_000])(
  'a connection that is cut after %i bytes leaves the old file or the new one',
  async (bytes) => {
    await using rig = await ChannelRig.start(device, `cut-${bytes}`, 'busybox');
    rig.folder.write('file', Buffer.alloc(100_000, 'a'));
    await rig.folder.sync();
    const before = rig.folder.remembered;
    rig.folder.write('file', Buffer.alloc(100_000, 'b'));
    rig.dialer.cutAfter(bytes);
    await rig.folder.commit().catch((error: unknown) => expect(error).toBeInstanceOf(RdtError));
    const content = await rig.exec('cat', 'file');
    expect(['a'.repeat(100_000), 'b'.repeat(100_000)]).toContain(content);
    if (rig.folder.remembered === before) {
      expect(await rig.exec('readlink', '.rdt-state')).not.toBe(`v1.${before?.token ?? ''}`);
      // What a push does when the container has not the state that it remembers.
      rig.folder.remembered = undefined;
    }
    await rig.folder.sync();
  },
);

it('ends its shell when it is closed', async () => {
  const rig = await ChannelRig.start(device, 'closed', 'busybox');
  const shells = async (): Promise<number> =>
    (await rig.docker('top', rig.name)).split('\n').filter((line) => line.includes('rdt:ready')).length;
  expect(await shells()).toBe(1);
  await rig.channel[Symbol.asyncDispose]();
  await eventually(async () => (await shells()) === 0, { what: 'the shell has ended', withinMs: 5_000 });
  await rig[Symbol.asyncDispose]();
});
