import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../src/errors.js';
import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { HttpEngine } from '../../src/transport/docker/http-engine.js';
import { forgetDevice } from '../../src/transport/forget-device.js';
import type { HostKeyEvent } from '../../src/transport/host-key-event.js';
import { openSsh, type SshOptions } from '../../src/transport/ssh/open-ssh.js';
import { shellCommand } from '../../src/transport/ssh/shell-command.js';
import type { SshConnection } from '../../src/transport/ssh/ssh-connection.js';
import { SshEngineDialer } from '../../src/transport/ssh/ssh-engine-dialer.js';
import { MemoryKnownHosts } from '../contract/memory-known-hosts.js';
import { mustRun } from '../testbed/program.js';
import { VirtualDevice } from '../testbed/virtual-device.js';

const NO_KEYS: SshOptions['keys'] = {
  identity: [],
  home: undefined,
  agentSocket: undefined,
  askPassphrase: undefined,
};

describe('ssh to a device', () => {
  let development: VirtualDevice;
  let production: VirtualDevice;
  let folder: string;
  let knownHosts: MemoryKnownHosts;
  let events: HostKeyEvent[];

  const connect = (
    device: VirtualDevice,
    keys: Partial<SshOptions['keys']> = {},
    port = device.sshPort,
  ): Promise<SshConnection> =>
    openSsh(
      { name: device.hostname, address: device.address, port },
      { user: 'root', keys: { ...NO_KEYS, ...keys }, knownHosts, onHostKey: (event) => events.push(event) },
    );
  const output = async (ssh: SshConnection, command: string, input = ''): Promise<string> => {
    const process = await ssh.exec(command, {});
    process.stdin.end(input);
    process.stderr.resume();
    return text(process.stdout);
  };

  beforeAll(async () => {
    development = await VirtualDevice.up({ name: 'ssh-dev', announce: false, images: ['busybox'] });
    production = await VirtualDevice.up({ name: 'ssh-prod', announce: false, production: true });
  });
  afterAll(async () => {
    await development.down();
    await production.down();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rdt-ssh-'));
    knownHosts = new MemoryKnownHosts();
    events = [];
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  describe('lets in', () => {
    it('everybody, when it is a development image', async () => {
      await using ssh = await connect(development);
      expect(await output(ssh, 'id -un')).toBe('root\n');
    });

    it('whoever has the key file', async () => {
      await using ssh = await connect(production, { identity: [production.testerKeyFile] });
      expect(await output(ssh, 'id -un')).toBe('root\n');
    });

    it('whoever has the key in ~/.ssh', async () => {
      mkdirSync(join(folder, '.ssh'));
      copyFileSync(production.testerKeyFile, join(folder, '.ssh', 'id_ed25519'));
      await using ssh = await connect(production, { home: folder });
      expect(await output(ssh, 'id -un')).toBe('root\n');
    });

    it('whoever has the key in an agent, also when only that key may be used', async () => {
      const agentSocket = join(folder, 'agent');
      const started = await mustRun(['ssh-agent', '-a', agentSocket]);
      const env = {
        ...process.env,
        SSH_AUTH_SOCK: agentSocket,
        SSH_AGENT_PID: /PID=(\d+)/.exec(started)?.[1],
      };
      try {
        await mustRun(['ssh-add', '-q', production.testerKeyFile], { env });
        await using ssh = await connect(production, { agentSocket });
        expect(await output(ssh, 'id -un')).toBe('root\n');
        const locked = await encryptedCopy(production.testerKeyFile, 'secret');
        await using second = await connect(production, { agentSocket, identity: [locked] });
        expect(await output(second, 'id -un')).toBe('root\n');
      } finally {
        await mustRun(['ssh-agent', '-k'], { env });
      }
    });

    it('whoever knows the passphrase of the key', async () => {
      const answers = ['wrong', 'secret'];
      const asked: string[] = [];
      const identity = [await encryptedCopy(production.testerKeyFile, 'secret')];
      const askPassphrase = (file: string, isAgain: boolean) => {
        asked.push(`${file} ${isAgain}`);
        return Promise.resolve(answers.shift() ?? '');
      };
      await using ssh = await connect(production, { identity, askPassphrase });
      expect(await output(ssh, 'id -un')).toBe('root\n');
      expect(asked).toEqual([`${identity[0]} false`, `${identity[0]} true`]);
    });
  });

  describe('keeps out', () => {
    it('whoever does not know the passphrase of the key, and says so', async () => {
      const identity = [await encryptedCopy(production.testerKeyFile, 'secret')];
      const failure = connect(production, { identity, askPassphrase: () => Promise.resolve('wrong') });
      await expect(failure).rejects.toMatchObject({
        exitCode: ExitCode.auth,
        hint: expect.stringContaining('locked (its passphrase was wrong)') as string,
      });
    });

    it('strangers, and says what was tried and what to do', async () => {
      await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
      const locked = await encryptedCopy(join(folder, 'key'), 'secret');
      const failure = connect(production, { identity: [join(folder, 'key'), locked] });
      await expect(failure).rejects.toMatchObject({ exitCode: ExitCode.auth });
      await expect(failure).rejects.toThrow(/ssh-prod \(.*:22222\) did not let root in/);
      const hint = await failure.catch((error: unknown) => String((error as { hint: unknown }).hint));
      expect(hint).toMatch(/no password, .*key \(ssh-ed25519 SHA256:.*\)/);
      expect(hint).toMatch(/Not tried: .*locked \(needs a passphrase/);
      expect(hint).toMatch(/accepts: publickey/);
      expect(hint).toContain('os.sshKeys');
    });

    it('whoever has nothing to show', async () => {
      await expect(connect(production, { agentSocket: join(folder, 'no-agent') })).rejects.toMatchObject({
        exitCode: ExitCode.auth,
        hint: expect.stringContaining('ssh-agent (it does not answer)') as string,
      });
    });

    it('nobody because of a key file that is none: that is a mistake', async () => {
      const identity = ['/etc/hostname'];
      await expect(connect(production, { identity })).rejects.toMatchObject({ exitCode: ExitCode.usage });
      await expect(connect(production, { identity: ['/none'] })).rejects.toThrow('there is no such file');
    });
  });

  describe('runs commands', () => {
    it('with their outputs apart, and tells how they ended', async () => {
      await using ssh = await connect(development);
      const process = await ssh.exec('cat; echo err >&2; exit 3', {});
      process.stdin.end('in');
      expect(await Promise.all([text(process.stdout), text(process.stderr), process.exit])).toEqual([
        'in',
        'err\n',
        { kind: 'exited', code: 3 },
      ]);
      const killed = await ssh.exec('kill -TERM $$', {});
      killed.stderr.resume();
      killed.stdout.resume();
      expect(await killed.exit).toEqual({ kind: 'killed', signal: 'TERM' });
    });

    it('on a terminal of the given size', async () => {
      await using ssh = await connect(development);
      const terminal = { type: 'xterm', columns: 99, rows: 33 };
      const process = await ssh.exec('stty size', { terminal });
      process.stderr.resume();
      expect(await text(process.stdout)).toBe('33 99\r\n');
    });

    it('of words that mean something to a shell', async () => {
      await using ssh = await connect(development);
      const words = ['a b', "it's", '$HOME', '`id`', '*', '', '\n', 'ü'];
      expect(await output(ssh, shellCommand(['printf', '%s|', ...words]))).toBe(`${words.join('|')}|`);
    });

    it('side by side, with megabytes both ways', async () => {
      await using ssh = await connect(development);
      const sizes = [3_000_000, 1, 500_000, 0];
      const echoed = await Promise.all(sizes.map((size) => output(ssh, 'cat', 'x'.repeat(size))));
      expect(echoed.map(({ length }) => length)).toEqual(sizes);
    });

    it('that are cut off when the signal is aborted', async () => {
      await using ssh = await connect(development);
      const abort = new AbortController();
      const process = await ssh.exec('echo started; exec sleep 1000', {}, abort.signal);
      process.stderr.resume();
      process.stdout.once('data', () => abort.abort(new Error('enough')));
      await expect(process.exit).rejects.toThrow('enough');
    });

    it('that are lost with sshd, which is no success', async () => {
      await using ssh = await connect(production, { identity: [production.testerKeyFile] });
      const process = await ssh.exec('echo started; exec sleep 1000', {});
      process.stderr.resume();
      await new Promise((resolve) => process.stdout.once('data', resolve));
      await production.killSsh();
      await expect(process.exit).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
      await expect(ssh.exec('true', {})).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
      await production.startSsh();
    });
  });

  describe('shows its host key', () => {
    it('which is trusted once, and stops us after it was flashed again until it is forgotten', async () => {
      const oldKey = development.hostKeyFingerprint;
      await (await connect(development))[Symbol.asyncDispose]();
      await (await connect(development))[Symbol.asyncDispose]();
      expect(events).toMatchObject([{ type: 'host-key-stored', fingerprint: oldKey }]);
      await development.reflash();
      const failure = connect(development);
      await expect(failure).rejects.toMatchObject({ exitCode: ExitCode.auth });
      await expect(failure).rejects.toThrow(oldKey);
      await expect(failure).rejects.toThrow(development.hostKeyFingerprint);
      await forgetDevice(knownHosts, development.hostname);
      await using ssh = await connect(development);
      expect(await output(ssh, 'echo in')).toBe('in\n');
    });
  });

  describe('finds the engine', () => {
    const ping = async (ssh: SshConnection): Promise<string> => {
      await using engine = new HttpEngine(new EngineHttp(new SshEngineDialer(ssh)));
      return (await engine.info()).hostname;
    };

    it('by its socket', async () => {
      expect(await ping(await connect(development))).toBe('ssh-dev');
    });

    it.each(['/var/run/balena-engine.sock', '/var/run/balena.sock'])('by %s', async (engineSocket) => {
      await using device = await VirtualDevice.up({
        name: 'ssh-socket',
        announce: false,
        production: true,
        engineSocket,
      });
      expect(await ping(await connect(device, { identity: [device.testerKeyFile] }))).toBe('ssh-socket');
    });

    it('that has stopped, and says that there is none', async () => {
      await production.killEngine();
      try {
        const ssh = await connect(production, { identity: [production.testerKeyFile] });
        await expect(ping(ssh)).rejects.toMatchObject({
          exitCode: ExitCode.unreachable,
          message: expect.stringContaining('No container engine answers') as string,
        });
      } finally {
        await production.startEngine();
      }
    });

    it('that stops after it has answered, and asks whether it runs', async () => {
      const ssh = await connect(production, { identity: [production.testerKeyFile] });
      await using engine = new HttpEngine(new EngineHttp(new SshEngineDialer(ssh)));
      await engine.info();
      await production.killEngine();
      try {
        // The stream that was open ends with the engine: this one is new.
        await expect(engine.info().catch(() => engine.info())).rejects.toMatchObject({
          exitCode: ExitCode.unreachable,
          hint: 'Is the engine still running there?',
        });
      } finally {
        await production.startEngine();
      }
    });

    it.skipIf(!existsSync('/usr/sbin/dropbear'))('through the client of a device with dropbear', async () => {
      const started = await development.run([
        'sh',
        '-c',
        'dropbearkey -t rsa -f /run/dropbear-key >/dev/null && dropbear -B -r /run/dropbear-key -p 22223 -P /run/dropbear.pid',
      ]);
      expect(started.exitCode).toBe(0);
      const ssh = await connect(development, {}, 22223);
      expect(await output(ssh, 'id -un')).toBe('root\n');
      expect(await ping(ssh)).toBe('ssh-dev');
      expect(events.at(-1)).toMatchObject({ keyType: 'ssh-rsa' });
      // The stored type is asked for again, so that it is no change.
      await (await connect(development, {}, 22223))[Symbol.asyncDispose]();
    });
  });

  const encryptedCopy = async (file: string, passphrase: string): Promise<string> => {
    const locked = join(folder, 'locked');
    copyFileSync(file, locked);
    copyFileSync(`${file}.pub`, `${locked}.pub`);
    chmodSync(locked, 0o600);
    await mustRun(['ssh-keygen', '-q', '-p', '-P', '', '-N', passphrase, '-f', locked]);
    return locked;
  };
});
