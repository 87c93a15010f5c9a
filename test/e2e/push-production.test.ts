import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustRun } from '../testbed/program.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';
import type { RdtResult } from './rdt.js';

let device: VirtualDevice;
let app: PushedApp;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'push-production',
    production: true,
    announce: false,
    images: ['busybox'],
  });
  app = new PushedApp(device, 'produced', { ...HELLO, 'greeting.txt': 'hello', 'old.txt': '' });
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

const withKey = (...args: string[]): string[] => ['--identity', device.testerKeyFile, ...args];

describe('a production device', () => {
  it('without a key is refused with exit code 7, and what to do', async () => {
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(7);
    expect(stderr).toMatch(/--identity/);
  });

  it('with a key that it does not know is refused too', async () => {
    const key = join(app.rdt.home, 'other-key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const { exitCode, stderr } = await app.tryPush('--identity', key);
    expect(exitCode, stderr).toBe(7);
  });

  it('is built on through ssh, with its host key stored at the first time', async () => {
    await app.push(...withKey());
    await app.untilLogged('started');
    await app.expectInStep();
  });

  it('gets an edit, a deletion, and nothing when there is nothing', async () => {
    const { id } = await app.state();
    app.write('greeting.txt', 'edited');
    await app.push(...withKey());
    await app.expectInStep();
    app.remove('old.txt');
    await app.push(...withKey());
    await app.expectInStep();
    const state = await app.state();
    expect(state.id).toBe(id);
    await app.push(...withKey());
    expect(await app.state()).toEqual(state);
  });

  it('streams the logs until Ctrl-C', async () => {
    app.write('main.sh', 'trap "exit 0" TERM\nwhile true; do echo tick; sleep 0.2; done\n');
    const args = ['push', device.address, '--app-name', 'produced', ...withKey()];
    const push = app.rdt.start(args, { cwd: app.folder });
    await push.until(/tick\r?\ntick\r?\n/);
    push.kill('SIGINT');
    expect(await push.ended()).toMatchObject({ exitCode: 0 });
  });

  it('keeps its old app when Ctrl-C ends a build', async () => {
    const before = await app.state();
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}RUN echo begun; sleep 100\n`);
    const push = app.startPush(...withKey());
    await push.until(/ {2}begun/);
    push.kill('SIGINT');
    expect(await push.ended()).toMatchObject({ exitCode: 130 });
    expect(await app.state()).toEqual(before);
    expect(await app.leftovers()).toEqual([]);
    app.write('Dockerfile', HELLO['Dockerfile'] ?? '');
  });

  it('that loses its sshd in a build fails the push with exit code 4', async () => {
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}RUN echo begun; sleep 100\n`);
    const push = app.startPush(...withKey());
    await push.until(/ {2}begun/);
    await device.killSsh();
    const { exitCode, stderr } = await push.ended();
    await device.startSsh();
    expect(exitCode, stderr).toBe(4);
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL sshd=back\n`);
    await app.forgetLock();
    await app.push(...withKey());
    await app.expectInStep();
  });
});

describe('without --identity', () => {
  async function pushAnEdit(edit: string, env: Record<string, string> = {}): Promise<void> {
    app.write('greeting.txt', edit);
    const args = ['push', device.address, '--app-name', 'produced', '--skip-logs'];
    const { exitCode, stderr } = await app.rdt.run(args, { cwd: app.folder, env });
    expect(exitCode, stderr).toBe(0);
    await app.expectInStep();
  }

  it('a key in ~/.ssh is used', async () => {
    const folder = join(app.rdt.home, '.ssh');
    mkdirSync(folder);
    copyFileSync(device.testerKeyFile, join(folder, 'id_ed25519'));
    await pushAnEdit('by the key in the home');
    rmSync(folder, { recursive: true });
  });

  it('a key that an agent holds is used', async () => {
    const socket = join(app.rdt.home, 'agent');
    const started = await mustRun(['ssh-agent', '-a', socket]);
    const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_AGENT_PID: /PID=(\d+)/.exec(started)?.[1] };
    try {
      await mustRun(['ssh-add', '-q', device.testerKeyFile], { env });
      await pushAnEdit('by the key of the agent', { SSH_AUTH_SOCK: socket });
    } finally {
      await mustRun(['ssh-agent', '-k'], { env });
    }
  });
});

describe('any Docker host with ssh', () => {
  it('is found on the usual port 22, which its entry in known_hosts does not name', async () => {
    await device.killSsh();
    await device.startSsh({ port: 22 });
    try {
      using other = new PushedApp(device, 'produced-22', HELLO);
      await other.push(...withKey());
      expect((await other.state()).running).toBe(true);
      await other.expectInStep();
      const known = readFileSync(join(other.rdt.home, '.local/state/rdt/known_hosts'), 'utf8');
      expect(known).toBe(`${device.address} ${device.hostKey}\n`);
    } finally {
      await device.killSsh();
      await device.startSsh();
    }
  });
});

describe('a Docker host that lets another user in than root', () => {
  const target = (): string => `ssh://pi@${device.address}`;
  const pushAs = (other: PushedApp, ...args: string[]): Promise<RdtResult> =>
    other.rdt.run(['push', target(), '-n', 'produced-pi', '--skip-logs', ...args], { cwd: other.folder });

  beforeAll(async () => {
    // A password that nothing matches: sshd lets nobody in whose account is locked.
    await device.run(['useradd', '--password', '*', 'pi']);
  });

  it('says how a key gets there', async () => {
    using other = new PushedApp(device, 'produced-pi', HELLO);
    const { exitCode, stderr } = await pushAs(other);
    expect(exitCode, stderr).toBe(7);
    expect(stderr).toContain('~/.ssh/authorized_keys of pi');
    expect(stderr).not.toContain('os.sshKeys');
  });

  it('says how the user gets access to the engine', async () => {
    using other = new PushedApp(device, 'produced-pi', HELLO);
    const { exitCode, stderr } = await pushAs(other, ...withKey());
    expect(exitCode, stderr).toBe(4);
    expect(stderr).toContain('sudo usermod -aG docker pi');
  });

  it('is built on, and gets an edit', async () => {
    await device.run(['usermod', '-aG', 'docker', 'pi']);
    using other = new PushedApp(device, 'produced-pi', HELLO);
    expect(await pushAs(other, ...withKey())).toMatchObject({ exitCode: 0 });
    const { id } = await other.state();
    other.write('greeting.txt', 'edited');
    expect(await pushAs(other, ...withKey())).toMatchObject({ exitCode: 0 });
    await other.expectInStep();
    expect(await other.state()).toMatchObject({ id, running: true });
  });
});

describe('a device that was flashed anew', () => {
  it('is refused for its changed host key, until the old one is forgotten', async () => {
    await device.reflash();
    const refused = await app.tryPush(...withKey());
    expect(refused.exitCode, refused.stderr).toBe(7);
    expect(refused.stderr).toMatch(/flash/);
    expect(refused.stderr).toContain(`rdt known-hosts forget ${device.address}`);
    expect((await device.docker('ps', '--all', '--quiet')).stdout).toBe('');
    const forget = await app.rdt.run(['known-hosts', 'forget', device.address]);
    expect(forget.exitCode, forget.stderr).toBe(0);
    await app.push(...withKey());
    await app.expectInStep();
  });

  it('leaves the known_hosts file of the user alone', () => {
    const file = join(app.rdt.home, '.ssh', 'known_hosts');
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe('');
  });
});
