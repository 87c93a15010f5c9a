import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExitCode } from '../../src/errors.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { ConfigureRig } from './configure-rig.js';

describe('configuring a running device', () => {
  const rig = new ConfigureRig();
  let device: VirtualDevice;

  beforeAll(async () => {
    device = await VirtualDevice.up({ name: 'configure-device', announce: false });
  });
  afterAll(async () => {
    rig[Symbol.dispose]();
    await device.down();
  });

  it('changes /mnt/boot over ssh, and does nothing the second time', async () => {
    await device.run(['sh', '-c', `mkdir -p /mnt/boot && printf '{"uuid":"u"}' >/mnt/boot/config.json`]);
    const args = [
      '--device',
      device.address,
      '--hostname',
      'kitchen',
      '--wifi-ssid',
      'home',
      '--wifi-key-stdin',
    ];
    const first = await rig.configure(args, { input: 'pass;word' });
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout).toContain('config.json (changed)');
    const { stdout: config } = await device.run(['cat', '/mnt/boot/config.json']);
    expect(config).toBe('{"uuid":"u","hostname":"kitchen"}');
    const { stdout: profile } = await device.run(['cat', '/mnt/boot/system-connections/resin-wifi']);
    expect(profile).toContain('\npsk=pass;word\n');
    const second = await rig.configure(args, { input: 'pass;word' });
    expect(second.stdout).toContain('nothing to change');
    const shown = await rig.configure(['--device', device.address, '--show']);
    expect(shown.stdout).toContain('hostname: "kitchen"');
    expect(shown.stdout).not.toContain('pass;word');
  });

  it('refuses a host without /mnt/boot, and makes none', async () => {
    await device.run(['rm', '-rf', '/mnt/boot']);
    const result = await rig.configure(['--device', device.address, '--hostname', 'kitchen']);
    expect(result.exitCode).toBe(ExitCode.failure);
    expect(result.stderr).toContain('has no /mnt/boot');
    expect((await device.run(['ls', '/mnt'])).stdout).not.toContain('boot');
  });
});
