import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';
import type { RdtResult } from './rdt.js';

let first: VirtualDevice;
let second: VirtualDevice;
let app: PushedApp;

beforeAll(async () => {
  const options = { hostname: 'push-twin', images: ['busybox'] } as const;
  first = await VirtualDevice.up({ ...options, name: 'push-twin-a', bridge: 'push-a' });
  second = await VirtualDevice.up({ ...options, name: 'push-twin-b', bridge: 'push-b' });
  app = new PushedApp(first, 'twin-app', HELLO);
});
afterAll(async () => {
  app[Symbol.dispose]();
  await first.down();
  await second.down();
});

const pushTo = (target: string): Promise<RdtResult> =>
  app.rdt.run(['push', target, '--app-name', 'twin-app', '--skip-logs'], { cwd: app.folder });

const isOn = async (device: VirtualDevice): Promise<boolean> =>
  (await device.docker('inspect', '--type', 'container', 'twin-app')).exitCode === 0;

describe('two devices of the same name', () => {
  for (const name of ['push-twin', 'push-twin.local', 'PUSH-TWIN.local.']) {
    it(`are two: ${name} is refused with the addresses of both, and nothing is pushed`, async () => {
      const { exitCode, stderr } = await pushTo(name);
      expect(exitCode, stderr).toBe(3);
      for (const { address } of [first, second]) expect(stderr).toContain(address);
      expect([await isOn(first), await isOn(second)]).toEqual([false, false]);
    });
  }

  it('are told apart by address', async () => {
    const { exitCode, stderr } = await pushTo(second.address);
    expect(exitCode, stderr).toBe(0);
    expect([await isOn(first), await isOn(second)]).toEqual([false, true]);
  });

  it('are told apart by IPv6 address, with or without a zone', async () => {
    expect(await pushTo(first.ipv6)).toMatchObject({ exitCode: 0 });
    expect(await isOn(first)).toBe(true);
    app.write('greeting.txt', 'through a link-local address');
    expect(await pushTo(first.ipv6LinkLocal)).toMatchObject({ exitCode: 0 });
    await app.expectInStep();
  });

  it('do not know of each other: what is in step with one is not with the other', async () => {
    app.write('greeting.txt', 'for both');
    expect(await pushTo(first.address)).toMatchObject({ exitCode: 0 });
    expect(await pushTo(second.address)).toMatchObject({ exitCode: 0 });
    for (const device of [first, second]) {
      const { stdout } = await device.docker('exec', 'twin-app', 'cat', 'greeting.txt');
      expect(stdout).toBe('for both');
    }
  });
});

describe('one device of its name', () => {
  beforeAll(() => second.unplug());

  for (const name of ['push-twin', 'push-twin.local']) {
    it(`is found by it: ${name}`, async () => {
      app.write('greeting.txt', `pushed to ${name}`);
      const { exitCode, stderr } = await pushTo(name);
      expect(exitCode, stderr).toBe(0);
      await app.expectInStep();
    });
  }

  it('is told to hooks by its address', async () => {
    const { exitCode, stderr } = await app.rdt.run(
      ['push', 'push-twin.local', '--app-name', 'twin-app', '--skip-logs', '--before', 'echo to $RDT_DEVICE'],
      { cwd: app.folder },
    );
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(`to ${first.address}\n`);
  });
});

describe('a name that nobody has', () => {
  it('is an error that says what was tried', async () => {
    const { exitCode, stderr } = await pushTo('push-nobody.local');
    expect(exitCode, stderr).toBe(4);
    expect(stderr).toMatch(/push-nobody\.local.*\n.*Asked over mDNS on .*rdt scan/);
  });
});
