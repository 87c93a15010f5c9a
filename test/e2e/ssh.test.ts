import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { pipe } from './pipe.js';
import { Rdt, type RdtResult } from './rdt.js';

/** Answers its name on port 8000 of whatever network it has. */
const SERVER =
  'trap exit TERM; mkdir /www; hostname > /www/index.html; httpd -p 8000 -h /www; while :; do sleep 0.2; done';

let development: VirtualDevice;
let production: VirtualDevice;
let rdt: Rdt;

beforeAll(async () => {
  const base = { announce: false, images: ['busybox', 'scratch-app'] } as const;
  [development, production] = await Promise.all([
    VirtualDevice.up({ ...base, name: 'ssh-cmd-dev' }),
    VirtualDevice.up({ ...base, name: 'ssh-cmd-prod', production: true }),
  ]);
  for (const device of [development, production]) {
    await device.docker(
      'run',
      '--detach',
      '--name',
      'web',
      '--hostname',
      'web',
      'busybox',
      'sh',
      '-c',
      SERVER,
    );
    await device.docker('run', '--detach', '--name', 'bare', 'scratch-app');
    await device.docker('run', '--detach', '--name', 'resin_supervisor', 'busybox', 'sh', '-c', SERVER);
  }
  rdt = new Rdt();
});
afterAll(async () => {
  rdt[Symbol.dispose]();
  await development.down();
  await production.down();
});

const argsFor = (device: VirtualDevice, ...args: string[]): string[] => {
  const identity = device === production ? ['--identity', device.testerKeyFile] : [];
  return ['ssh', device.address, ...identity, ...args];
};
const ssh = (device: VirtualDevice, ...args: string[]): Promise<RdtResult> =>
  rdt.run(argsFor(device, ...args));

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const PLACES = [
  ['a container over TCP', () => development, ['-c', 'web']],
  ['a container over ssh', () => production, ['-c', 'web']],
  ['the device itself', () => production, ['--host']],
] as const;

describe.concurrent.each(PLACES)('a command in %s', (_, device, place) => {
  it.each([0, 1, 3, 42, 137])('ends us with its exit code %i', async (code) => {
    const { exitCode } = await ssh(device(), ...place, '--', 'sh', '-c', `exit ${code}`);
    expect(exitCode).toBe(code);
  });

  it('that a signal ends, ends us with 128 + n', async () => {
    const { exitCode } = await ssh(device(), ...place, '--', 'sh', '-c', 'kill -9 $$');
    expect(exitCode).toBe(137);
  });

  it('gets its words as they are', async () => {
    const words = [
      'a b',
      '',
      '$HOME',
      `it's "quoted"`,
      '`id`',
      '*',
      'new\nline',
      '\\',
      '-c',
      '--',
      'grüße',
      ';&|',
    ];
    const { stdout, stderr } = await ssh(device(), ...place, '--', 'printf', '<%s>', ...words);
    expect(stdout, stderr).toBe(words.map((word) => `<${word}>`).join(''));
  });

  it('has outputs of its own, and no terminal', async () => {
    const script = 'echo out; echo err >&2; tty';
    const { stdout, stderr, exitCode } = await ssh(device(), ...place, '--', 'sh', '-c', script);
    expect(stdout).toBe('out\nnot a tty\n');
    expect(stderr).toMatch(/(^|\n)err\n$/);
    expect(exitCode).toBe(1);
  });

  it('gets 10 MB of random bytes and gives them back unchanged', async () => {
    const input = randomBytes(10_000_000);
    const { output, exitCode } = await pipe(rdt, argsFor(device(), ...place, '--', 'cat'), input);
    expect(sha256(output)).toBe(sha256(input));
    expect(exitCode).toBe(0);
  });

  it('that closes its outputs gets all of its input', async () => {
    const script = 'exec >/tmp/got 2>&1; sleep 0.5; wc -c';
    await pipe(rdt, argsFor(device(), ...place, '--', 'sh', '-c', script), randomBytes(5_000_000));
    const { stdout } = await ssh(device(), ...place, '--', 'cat', '/tmp/got');
    expect(stdout.trim()).toBe('5000000');
  });

  it('that reads no input ends us at once', async () => {
    const { exitCode } = await pipe(rdt, argsFor(device(), ...place, '--', 'false'), randomBytes(3_000_000));
    expect(exitCode).toBe(1);
  });

  it('is a script for a shell when it comes on the input', async () => {
    const { output, exitCode } = await pipe(
      rdt,
      argsFor(device(), ...place),
      Buffer.from('echo $((40 + 2))\nexit 5\n'),
    );
    expect(output.toString()).toBe('42\n');
    expect(exitCode).toBe(5);
  });
});

describe('without a terminal', () => {
  it('nobody is asked: the containers are listed, without the supervisor', async () => {
    const { stderr, exitCode } = await ssh(development, '--', 'ls');
    expect(stderr).toMatch(
      /Which container of \S+\?\n.*--container.*--host.*\n +bare +scratch-app +Up .*\n +web +busybox +Up/,
    );
    expect(stderr).not.toContain('supervisor');
    expect(exitCode).toBe(2);
  });
});

describe('what cannot be', () => {
  it.each([
    [2, ['-c', 'web', '--host'], 'exclude each other'],
    [2, ['-c', 'web', 'ls'], 'A command goes after two dashes'],
    [2, ['-c', 'web', '--'], 'no command after the two dashes'],
    [2, ['--forward', '80'], '[bind:]local:remote'],
    [2, ['--port', '0'], 'a number from 1 to 65535'],
    [1, ['-c', 'wbe'], 'Did you mean web?'],
    [1, ['-c', 'bare'], 'bare has no shell'],
  ])('ends with %i: %j', async (code, args, message) => {
    const { stderr, exitCode } = await ssh(development, ...args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(code);
  });
});

describe('--verbose', () => {
  it('shows addresses, fingerprints and methods', async () => {
    const { stderr } = await ssh(production, '--host', '--verbose', '--', 'true');
    expect(stderr).toContain(`ssh: connecting to ssh://root@${production.address}:22222\n`);
    expect(stderr).toMatch(/ssh: host key ssh-ed25519 SHA256:\S+\n/);
    expect(stderr).toMatch(/ssh: offering no password\nssh: offering \S+ \(ssh-ed25519 SHA256:\S+\)\n/);
    expect(stderr).toContain('ssh: logged in');
    const secret = readFileSync(production.testerKeyFile, 'utf8').split('\n').slice(1, -2);
    expect(secret.filter((line) => stderr.includes(line))).toEqual([]);
  });
});

describe('the user in ssh://', () => {
  it('is who logs in', async () => {
    const target = `ssh://nobody@${development.address}`;
    const { stderr, exitCode } = await rdt.run(['ssh', target, '--host', '--verbose', '--', 'true']);
    expect(stderr).toContain(`ssh://nobody@${development.address}:22222`);
    expect(exitCode).not.toBe(0);
  });
});

describe('--forward', () => {
  const answerAt = async (port: number): Promise<string> => {
    const headers = { connection: 'close' };
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers });
    return (await answer.text()).trim();
  };
  const portsOf = (stderr: string): number[] =>
    [...stderr.matchAll(/Forwarding 127\.0\.0\.1:(\d+)/g)].map((match) => Number(match[1]));

  it.each([
    ['development', () => development],
    ['production', () => production],
  ])('leads to ports of a container on a %s device, until Ctrl-C', async (_, device) => {
    const args = ['-c', 'web', '--forward', '0:8000', '--forward', '0:8001'];
    const forwarding = rdt.start(argsFor(device(), ...args));
    await forwarding.until(/to port 8001 of web/);
    const [open = 0, closed = 0] = portsOf(forwarding.stderr);
    expect(await answerAt(open)).toBe('web');
    await expect(answerAt(closed)).rejects.toThrow('fetch failed');
    await forwarding.until(/A connection to port 8001 failed/);
    expect(await answerAt(open)).toBe('web');
    forwarding.kill('SIGINT');
    expect((await forwarding.ended()).exitCode).toBe(0);
  });

  it('finds a container again that was replaced', async () => {
    const forwarding = rdt.start(argsFor(production, '-c', 'web', '--forward', '0:8000'));
    await forwarding.until(/to port 8000 of web/);
    const [port = 0] = portsOf(forwarding.stderr);
    await production.docker('rm', '--force', 'web');
    await production.docker('run', '--detach', 'busybox', 'sh', '-c', SERVER);
    await production.docker(
      'run',
      '--detach',
      '--name',
      'web',
      '--hostname',
      'web-2',
      'busybox',
      'sh',
      '-c',
      SERVER,
    );
    const answers = async () => (await answerAt(port).catch(() => '')) === 'web-2';
    await eventually(answers, { what: 'an answer of the new container', withinMs: 10_000, everyMs: 200 });
    forwarding.kill('SIGINT');
    await forwarding.ended();
  });

  it('leads to ports of the device, and says when it is lost', async () => {
    const forwarding = rdt.start(argsFor(development, '--host', '--forward', '0:22222'));
    await forwarding.until(/to port 22222 of the device/);
    const [port = 0] = portsOf(forwarding.stderr);
    const socket = connect({ host: '127.0.0.1', port });
    const [banner] = (await once(socket, 'data')) as [Buffer];
    expect(banner.toString()).toMatch(/^SSH-2\.0/);
    await development.killSsh();
    const { exitCode, stderr } = await forwarding.ended();
    expect(exitCode).toBe(255);
    expect(stderr).toContain('the connection was cut');
    await development.startSsh();
  });
});
