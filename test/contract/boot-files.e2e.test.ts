import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RemoteBootFiles } from '../../src/image/remote/remote-boot-files.js';
import { openSsh } from '../../src/transport/ssh/open-ssh.js';
import type { SshConnection } from '../../src/transport/ssh/ssh-connection.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { describeBootFiles } from './boot-files-contract.js';
import { MemoryKnownHosts } from './memory-known-hosts.js';

const FRESH = `rm -rf /mnt/boot && mkdir -p /mnt/boot/system-connections && printf '{}' >/mnt/boot/config.json &&
printf x >/mnt/boot/system-connections/resin-sample && chmod 640 /mnt/boot/config.json`;

let device: VirtualDevice;
let ssh: SshConnection;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'configure-contract', announce: false });
});
afterAll(() => device.down());

beforeEach(async () => {
  ssh = await openSsh(
    { name: device.hostname, address: device.address, port: device.sshPort },
    {
      user: 'root',
      keys: { identity: [], home: undefined, agentSocket: undefined, askPassphrase: undefined },
      knownHosts: new MemoryKnownHosts(),
      onHostKey: () => undefined,
    },
  );
});
afterEach(() => ssh[Symbol.asyncDispose]());

async function freshFiles(): Promise<RemoteBootFiles> {
  await device.run(['sh', '-c', FRESH]);
  return new RemoteBootFiles(ssh, '/mnt/boot', new AbortController().signal);
}

describeBootFiles('a running device', freshFiles);

describe('on a running device', () => {
  it('a replaced file keeps its mode, and nothing else is left behind', async () => {
    const files = await freshFiles();
    await files.replace('/config.json', Buffer.from('{"a":1}'));
    const { stdout } = await device.run(['sh', '-c', 'stat -c %a /mnt/boot/config.json; ls -A /mnt/boot']);
    expect(stdout.split('\n')).toEqual(['640', 'config.json', 'system-connections', '']);
  });

  it('a disk that is full is an error with its own words, and the old file stays whole', async () => {
    const files = await freshFiles();
    await device.run([
      'sh',
      '-c',
      'mount -t tmpfs -o size=64k tmpfs /mnt/boot && printf old >/mnt/boot/config.json',
    ]);
    try {
      await expect(files.replace('/config.json', Buffer.alloc(200_000, 1))).rejects.toThrow(
        'No space left on device',
      );
      expect((await files.list('/'))?.map(({ name }) => name)).toEqual(['config.json']);
      expect((await files.read('/config.json'))?.toString()).toBe('old');
    } finally {
      await device.run(['umount', '/mnt/boot']);
    }
  });
});
