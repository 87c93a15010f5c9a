import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { Rdt } from './rdt.js';

const BIN = fileURLToPath(new URL('../../bin/rdt.js', import.meta.url));
const TICKING = 'i=0; while true; do i=$((i+1)); echo tick $i; echo tock $i >&2; sleep 0.2; done';
/** Stands for the journal of a device, which a virtual one does not keep. */
const JOURNALCTL = `#!/bin/sh
echo '{"__CURSOR":"a","__REALTIME_TIMESTAMP":"1769860800123456","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"hello"}'
echo '{"__CURSOR":"b","__REALTIME_TIMESTAMP":"1769860801123456","SYSLOG_IDENTIFIER":"sshd","MESSAGE":[228,246]}'
printf '%s\\n' "$*" >&2
`;

let device: VirtualDevice;
const rdt = new Rdt();
const logs = (...args: string[]) => rdt.run(['logs', device.address, ...args]);

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'logs-basic', images: ['busybox'], announce: false });
  const run = (name: string, script: string, ...flags: string[]) =>
    device.docker('run', '-d', ...flags, '--name', name, 'busybox', 'sh', '-c', script);
  await run('resin_supervisor', 'sleep 1000');
  await run('ticker', TICKING);
  const long = 'head -c 50000 /dev/zero | tr "\\0" x; printf "ü\\n"; echo oops >&2';
  await run('long', long);
  await run('long-terminal', long, '-t');
  await device.docker('wait', 'long', 'long-terminal');
});

afterAll(async () => {
  rdt[Symbol.dispose]();
  await device[Symbol.asyncDispose]();
});

it('takes the only container that runs, and keeps its outputs apart', async () => {
  const { stdout, stderr, exitCode } = await logs('--tail', '4');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^(tick \d+\n)+$/);
  expect(stderr).toMatch(/^(tock \d+\n)+$/);
});

it.each(['long', 'long-terminal'])(
  'joins the pieces of a long line of %s, which has stopped',
  async (app) => {
    const { stdout, exitCode } = await logs('-a', app, '--json');
    expect(exitCode).toBe(0);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as { stream: string; text: string });
    const line = rows.find(({ text }) => text !== 'oops');
    const time = expect.stringMatching(/^\d{4}-.*\.\d{9}Z$/) as string;
    expect(line).toEqual({
      device: device.address,
      app,
      stream: 'stdout',
      time,
      text: `${'x'.repeat(50_000)}ü`,
    });
  },
);

it('shows all but the supervisor, each line with the name of its container, in the order of time', async () => {
  const { stdout, exitCode } = await logs('--all', '-t', '--grep', '^(x+ü|tick 1)$');
  expect(exitCode).toBe(0);
  const rows = stdout.trimEnd().split('\n');
  expect(rows.map((row) => row.split(' |')[0]?.trim())).toEqual(['ticker', 'long', 'long-terminal']);
  const times = rows.map((row) => row.split(' | ')[1]?.slice(0, 30) ?? '');
  expect(times).toEqual([...times].sort());
});

it('knows no such container, but one of nearly that name', async () => {
  const { stderr, exitCode } = await logs('-a', 'tiker');
  expect(exitCode).toBe(1);
  expect(stderr).toContain('Did you mean ticker?');
  expect(stderr).not.toContain('supervisor');
});

it('shows nothing of before --since, counted on the clock of the device', async () => {
  const { stdout, exitCode } = await logs('-a', 'ticker', '--since', '1ms', '--until', '1d');
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 0 });
});

it('ends when its reader has had enough', async () => {
  const child = spawn(
    'sh',
    ['-c', `"$0" "$1" logs "$2" -a ticker -f | head -5; exit $?`, process.execPath, BIN, device.address],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect({ code, lines: stdout.split('\n').length }).toEqual({ code: 0, lines: 6 });
});

it('ends with exit code 0 at Ctrl-C', async () => {
  const following = rdt.start(['logs', device.address, '-f', '-a', 'ticker', '--tail', '0']);
  await following.until(/tick \d+\n[^]*tick/);
  const startMs = performance.now();
  following.kill('SIGINT');
  expect((await following.ended()).exitCode).toBe(0);
  // 100 ms on a machine of one's own; this one is shared.
  expect(performance.now() - startMs).toBeLessThan(500);
});

it('follows the name to a new container, and tells so in one line', async () => {
  await device.docker('run', '-d', '--name', 'again', 'busybox', 'sh', '-c', 'echo first; sleep 1000');
  const following = rdt.start(['logs', device.address, '-f', '-a', 'again']);
  await following.until(/first/);
  await device.docker('rm', '-f', 'again');
  await device.docker('run', '-d', '--name', 'again', 'busybox', 'sh', '-c', 'echo second; sleep 1000');
  await following.until(/second/);
  following.kill('SIGINT');
  const { stdout, stderr } = await following.ended();
  expect(stdout).toBe('first\nsecond\n');
  expect(stderr.match(/replaced/g)).toHaveLength(1);
});

it('says that a device keeps no journal, or shows it', async () => {
  const install = ['sh', '-c', 'cat > /usr/bin/journalctl; chmod +x /usr/bin/journalctl'];
  await device.run(install, { input: JOURNALCTL });
  const { stdout, exitCode } = await logs('--host', '--json', '--since', '10m');
  expect(exitCode).toBe(0);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([
    { app: 'kernel', stream: 'journal', time: '2026-01-31T12:00:00.123456000Z', text: 'hello' },
    { app: 'sshd', text: '\ufffd\ufffd' },
  ]);
  await device.run(['rm', '/usr/bin/journalctl']);
  const without = await logs('--host');
  expect(without.exitCode).toBe(1);
  expect(without.stderr).toContain('has no journalctl');
});

it('goes on where it was after a reboot', async () => {
  const script = 'date +%s%N; echo booted; sleep 1000';
  await device.docker('run', '-d', '--restart', 'always', '--name', 'boots', 'busybox', 'sh', '-c', script);
  const following = rdt.start(['logs', device.address, '-f', '-a', 'boots']);
  await following.until(/booted/);
  await device.reboot();
  await following.until(/booted[^]*booted/);
  following.kill('SIGINT');
  const { stdout, stderr } = await following.ended();
  expect(stdout.match(/booted/g)).toHaveLength(2);
  expect(stderr.match(/^rdt:/gm)).toHaveLength(1);
});
