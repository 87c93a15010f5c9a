import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { Rdt, type RdtResult } from './rdt.js';
import { pipe } from './pipe.js';

const PORT = '22223';
/** As on old systems: an RSA host key, no forwarding to sockets, no sftp. */
const DROPBEAR = `
mkdir -p /root/.ssh && cat > /root/.ssh/authorized_keys && chmod -R go= /root/.ssh
dropbearkey -t rsa -f /run/dropbear-key > /dev/null 2>&1
exec dropbear -r /run/dropbear-key -p ${PORT} -P /run/dropbear.pid`;

let device: VirtualDevice;
const rdt = new Rdt();

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'ssh-dropbear',
    production: true,
    images: ['busybox'],
    announce: false,
  });
  const { stdout: key } = await device.run(['ssh-keygen', '-y', '-f', device.testerKeyFile]);
  const { exitCode, stderr } = await device.run(['sh', '-c', DROPBEAR], { input: key });
  expect(exitCode, stderr).toBe(0);
  await device.docker('run', '-d', '--name', 'web', 'busybox', 'sh', '-c', 'echo hello; exec sleep 1000');
});
afterAll(async () => {
  rdt[Symbol.dispose]();
  await device.down();
});

const argsFor = (...args: string[]): string[] => [
  'ssh',
  device.address,
  '--port',
  PORT,
  '--identity',
  device.testerKeyFile,
  ...args,
];
const ssh = (...args: string[]): Promise<RdtResult> => rdt.run(argsFor(...args));

describe.each([
  ['the device itself', ['--host']],
  ['a container, through the client of its engine', ['-c', 'web']],
])('with dropbear, a command in %s', (_, place) => {
  it('has outputs of its own, exact words, and its exit code', async () => {
    const words = ['a b', '', '$HOME', `it's`, 'new\nline'];
    const script = 'printf "<%s>" "$@"; echo err >&2; exit 42';
    const { stdout, stderr, exitCode } = await ssh(...place, '--', 'sh', '-c', script, 'sh', ...words);
    expect(stdout).toBe(words.map((word) => `<${word}>`).join(''));
    expect(stderr).toMatch(/(^|\n)err\n$/);
    expect(exitCode).toBe(42);
  });

  it('gets 3 MB of random bytes and gives them back unchanged', async () => {
    const input = randomBytes(3_000_000);
    const { output, exitCode } = await pipe(rdt, argsFor(...place, '--', 'cat'), input);
    expect(output.equals(input)).toBe(true);
    expect(exitCode).toBe(0);
  });

  it('has a terminal when it is asked for', async () => {
    const { stdout, exitCode } = await ssh(...place, '-t', '--', 'tty');
    expect(stdout).toMatch(/^\/dev\/pts\/\d+\s+$/);
    expect(exitCode).toBe(0);
  });
});

it('with dropbear, the log of a container is there', async () => {
  const target = `ssh://root@${device.address}:${PORT}`;
  const args = ['logs', target, '--identity', device.testerKeyFile, '-a', 'web'];
  const { stdout, exitCode } = await rdt.run(args);
  expect({ stdout, exitCode }).toEqual({ stdout: 'hello\n', exitCode: 0 });
});
