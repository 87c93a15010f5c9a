import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../testbed/program.js';
import { LINK_PROFILES, VirtualDevice } from '../testbed/virtual-device.js';

const folder = mkdtempSync(join(tmpdir(), 'rdt-testbed-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function ssh(address: string, command: readonly string[], options: readonly string[] = []) {
  const always = [
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'BatchMode=no',
  ];
  const none = ['-o', 'NumberOfPasswordPrompts=0', '-o', 'ConnectTimeout=3'];
  return runProgram(['ssh', ...always, ...none, '-p', '22222', ...options, `root@${address}`, ...command]);
}

async function ping(address: string, port = 2375): Promise<string> {
  const response = await fetch(`http://${address}:${port}/_ping`, { signal: AbortSignal.timeout(2000) });
  return response.text();
}

describe('a development device', () => {
  let device: VirtualDevice;
  beforeAll(async () => {
    device = await VirtualDevice.up({
      name: 'e2e-dev',
      images: ['busybox', 'scratch-app'],
      link: LINK_PROFILES.wifi,
    });
  });
  afterAll(() => device.down());

  it('answers with its engine on TCP, IPv4 and IPv6', async () => {
    expect(await ping(device.address)).toBe('OK');
    expect(await ping(`[${device.ipv6}]`)).toBe('OK');
  });

  it('lets root in by ssh without a password', async () => {
    const result = await ssh(device.address, ['hostname']);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'e2e-dev\n' });
  });

  it('runs a privileged container on the host network', async () => {
    const result = await device.docker(
      'run',
      '--rm',
      '--privileged',
      '--net=host',
      'busybox',
      'ip',
      '-o',
      'address',
    );
    expect(result.stdout).toContain(device.address);
  });
});
