import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { linkSync, mkdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { Laptop } from './discovery/laptop.js';
import { type AppState, HELLO, PushedApp } from './pushed-app.js';
import { Rdt, type RdtResult, type RunningRdt } from './rdt.js';
import { bytesRead } from './until-stuck.js';

let device: VirtualDevice;
let app: PushedApp;
let before: AppState;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'push-interrupt',
    announce: false,
    images: ['busybox'],
    // Slow enough to meet a transfer on its way.
    link: { roundTripMs: 2, megabitPerSecond: 8 },
  });
  app = new PushedApp(device, 'interrupted', { ...HELLO, '.dockerignore': 'large\n' });
  await app.push();
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});
beforeEach(async () => {
  before = await app.state();
});

async function interrupted(push: RunningRdt): Promise<RdtResult> {
  push.kill('SIGINT');
  const result = await push.ended();
  expect(result.exitCode, result.stderr).toBe(130);
  expect(result.stderr).toMatch(/rdt: interrupted\n$/);
  expect(await app.leftovers()).toEqual([]);
  return result;
}

const slowPush = (...args: string[]): RunningRdt =>
  app.rdt.start(['push', device.linkAddress, '--app-name', 'interrupted', '--skip-logs', ...args], {
    cwd: app.folder,
  });

/** Files are on their way. The engine answers no question about a container while it unpacks something in it. */
async function untilDirty(): Promise<void> {
  const root = await app.inspect('{{.GraphDriver.Data.MergedDir}}');
  const state = async (): Promise<string> =>
    (await device.run(['readlink', `${root}/usr/src/app/.rdt-state`])).stdout;
  await eventually(async () => (await state()) === 'dirty\n', {
    what: 'a sync under way',
    withinMs: 15_000,
    everyMs: 5,
  });
}

const containers = (): Promise<string> => app.docker('ps', '--all', '--format', '{{.Names}}');
const megabytes = (count: number): Buffer => randomBytes(count << 20);

describe('Ctrl-C during a build', () => {
  it('while the context is sent leaves the app as it was', async () => {
    app.write('.dockerignore', '');
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL context=sent\n`);
    app.write('large', megabytes(8));
    const push = slowPush();
    await push.until(/building interrupted/);
    await eventually(async () => (await device.docker('volume', 'ls', '-q')).stdout.includes('rdt-lock'), {
      what: 'the lock',
      withinMs: 10_000,
      everyMs: 5,
    });
    const { durationMs } = await interrupted(push);
    expect(durationMs).toBeLessThan(6000);
    expect(await app.state()).toEqual(before);
    app.remove('large');
  });

  it('while a step runs leaves the app as it was, and the device stops building', async () => {
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}RUN echo begun; sleep 300\n`);
    const push = app.startPush();
    await push.until(/begun/);
    await interrupted(push);
    expect(await app.state()).toEqual(before);
    const running = async (): Promise<boolean> =>
      (await device.run(['ps', '-e', '-o', 'args'])).stdout.includes('sleep 300');
    await eventually(async () => !(await running()), { what: 'the end of the build step', withinMs: 15_000 });
  });
});

describe('Ctrl-C during the replacement', () => {
  it('while the new app proves itself puts the old one back', async () => {
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL proved=no\n`);
    const push = app.startPush();
    await push.until(/starting interrupted/);
    const { stderr } = await interrupted(push);
    expect(stderr).toContain('interrupted is back as it was');
    const { id, image, running } = await app.state();
    expect({ id, image, running }).toEqual({ id: before.id, image: before.image, running: true });
    expect(await app.docker('inspect', '--type', 'image', '--format', '{{.Id}}', 'interrupted')).toBe(image);
  });

  it('while the old app is stopped puts it back', async () => {
    await app.push();
    const state = await app.state();
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL stopped=no\n`);
    const push = app.startPush();
    await eventually(async () => (await containers()).includes('interrupted.rdt-next'), {
      what: 'the new container',
      withinMs: 20_000,
      everyMs: 5,
    });
    await interrupted(push);
    const { id, running } = await app.state();
    expect({ id, running }).toEqual({ id: state.id, running: true });
  });

  it('that comes twice in one moment, as `timeout` sends it to a process and its group, ends in good order', async () => {
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL doubled=yes\n`);
    const push = app.startPush();
    await push.until(/starting interrupted/);
    push.kill('SIGTERM');
    await interrupted(push);
    expect(await app.state()).toMatchObject({ id: before.id, running: true });
  });

  it('twice ends at once', async () => {
    const push = app.startPush();
    await push.until(/starting interrupted/);
    push.kill('SIGINT');
    const again = setInterval(() => push.kill('SIGINT'), 50);
    const { exitCode } = await push.ended();
    clearInterval(again);
    expect(exitCode).toBe(130);
    await app.forgetLock();
    await app.push();
    expect(await app.leftovers()).toEqual([]);
  });
});

describe('Ctrl-C during a sync', () => {
  it('while files are sent leaves the old files, and the next push sends the new ones', async () => {
    app.write('small.txt', 'old');
    app.write('.dockerignore', 'large\n');
    await app.push();
    const [tree, state] = [await app.deployedTree(), await app.state()];
    app.write('small.txt', 'new');
    app.write('large', megabytes(8));
    const dirty = untilDirty();
    const push = slowPush();
    await dirty;
    await interrupted(push);
    expect(await app.deployedTree()).toEqual(tree);
    expect(await app.state()).toEqual(state);
    await app.push();
    await app.expectInStep();
  });

  it('while files are sent through a script leaves the old files', async () => {
    app.write('doomed.txt', 'still here');
    await app.push();
    const tree = await app.deployedTree();
    app.remove('doomed.txt');
    app.write('large', megabytes(8));
    const dirty = untilDirty();
    const push = slowPush();
    await dirty;
    await interrupted(push);
    expect(await app.deployedTree()).toEqual(tree);
    await app.push();
    await app.expectInStep();
  });

  it('while a stubborn app is restarted leaves it running, and the next push has nothing to make good', async () => {
    app.write('main.sh', 'trap "" TERM\necho stubborn\nwhile true; do sleep 0.1; done\n');
    await app.push();
    app.write('small.txt', 'newer');
    const push = app.startPush();
    await push.until(/sent 1 file/);
    await interrupted(push);
    expect((await app.state()).running).toBe(true);
    await app.push();
    expect((await app.state()).running).toBe(true);
    await app.expectInStep();
  });

  it.each([
    ['from here', (): Rdt => app.rdt],
    ['from another laptop', (): Rdt => new Rdt()],
  ])(
    'while a rule runs in the container leaves the app alone, and the next push %s runs it again',
    async (from, rdtOf) => {
      const file = app.projectFile();
      const run = '[ -e /tmp/go ] || { echo rule begun; sleep 300; }; echo rule done';
      app.write(
        '.resin-sync.yml',
        file.replace(
          'local_resinos:\n',
          `local_resinos:\n  on-change: [{ paths: small.txt, run: '${run}' }]\n`,
        ),
      );
      app.write('small.txt', `for the rule, to be pushed again ${from}`);
      const push = app.startPush();
      await push.until(/rule begun/);
      await interrupted(push);
      expect(await app.state()).toEqual(before);
      await app.exec('touch', '/tmp/go');
      const words = ['push', device.address, '--app-name', 'interrupted', '--skip-logs'];
      const rdt = rdtOf();
      const { stderr } = await rdt.run(words, { cwd: app.folder });
      expect(stderr).toContain('rule done');
      const { startedAt } = await app.state();
      expect(startedAt).not.toBe(before.startedAt);
      await app.expectInStep();
      expect((await rdt.run(words, { cwd: app.folder })).stderr).toContain('up to date');
      expect((await app.state()).startedAt).toBe(startedAt);
      expect(await app.docker('volume', 'ls', '--quiet')).toBe('');
      await app.exec('rm', '/tmp/go');
      app.write('.resin-sync.yml', file);
      if (rdt !== app.rdt) rdt[Symbol.dispose]();
    },
  );

  it('while a new container is completed puts the old one back', async () => {
    const tree = await app.deployedTree();
    const push = slowPush('--force-build');
    await push.until(/starting interrupted/);
    await untilDirty();
    const { stderr } = await interrupted(push);
    expect(stderr).toContain('interrupted is back as it was');
    const { id, image, running } = await app.state();
    expect({ id, image, running }).toEqual({ id: before.id, image: before.image, running: true });
    expect(await app.deployedTree()).toEqual(tree);
  });
});

describe('Ctrl-C during the logs', () => {
  it('is the ordinary end of a push, and leaves the app running', async () => {
    app.write(
      'main.sh',
      'trap "exit 0" TERM\nn=0\nwhile true; do echo "tick $((n += 1))"; sleep 0.2; done\n',
    );
    const push = app.rdt.start(['push', device.address, '--app-name', 'interrupted'], { cwd: app.folder });
    await push.until(/tick 1\r?\n[^]*tick 3\r?\n/);
    push.kill('SIGINT');
    const { exitCode, stdout, stderr } = await push.ended();
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^tick 1\r?\ntick 2/);
    expect(stderr).not.toContain('tick');
    expect((await app.state()).running).toBe(true);
  });
});

describe('Ctrl-C before anything', () => {
  async function interruptedWithin(limitMs: number, push: RunningRdt): Promise<void> {
    const startMs = performance.now();
    await interrupted(push);
    expect(performance.now() - startMs).toBeLessThan(limitMs);
    expect(await app.state()).toEqual(before);
  }

  const interruptedAtOnce = (push: RunningRdt): Promise<void> => interruptedWithin(2000, push);

  const stateLink = (): Promise<string> => app.exec('readlink', '.rdt-state');

  const pushTo = (address: string): RunningRdt =>
    app.rdt.start(['push', address, '--app-name', 'interrupted'], { cwd: app.folder });

  it('is heard while a name is looked up', async () => {
    const push = pushTo('nobody-has-this-name.local');
    await push.until(/Looking for devices/);
    await interruptedAtOnce(push);
  });

  it('is heard while devices are looked for and nothing answers', async () => {
    await using laptop = await Laptop.up('intlap', [{ addresses: ['10.66.0.1/24'] }]);
    const push = laptop.start(['push', '--app-name', 'interrupted'], { cwd: app.folder });
    await push.until(/Looking for devices/);
    await interruptedAtOnce(push);
  });

  it('is heard while an ssh server has accepted a connection and says nothing', async () => {
    await using server = await HangingServer.listen();
    const push = pushTo(server.address);
    await server.reached('connection');
    await interruptedAtOnce(push);
  });

  it('is heard in a handshake with an ssh server that says nothing after its banner', async () => {
    await using server = await HangingServer.listen('SSH-2.0-OpenSSH_7.4\r\n');
    const push = pushTo(server.address);
    await server.reached('data');
    await interruptedAtOnce(push);
  });

  it('is heard while the container is asked what it holds', async () => {
    app.write('small.txt', 'asked for');
    // Takes its time to be hashed.
    await app.exec('sh', '-c', 'rm -f .rdt-state small.txt; dd of=small.txt bs=1M seek=8192 count=0');
    const push = app.startPush();
    const isAsked = async (): Promise<boolean> =>
      /^sha256sum$/m.test((await device.run(['ps', '-e', '-o', 'comm'])).stdout);
    await eventually(isAsked, { what: 'the question', withinMs: 20_000 });
    await interruptedWithin(10_000, push);
    expect(await app.exec('ls', '-A')).not.toContain('.rdt-state');
    await app.exec('rm', 'small.txt');
    await app.push();
    await app.expectInStep();
  });

  it('is heard while the folder is read', async () => {
    const token = await stateLink();
    app.write('many/0/0', Buffer.alloc(2 << 10, 'x'));
    for (let folder = 0; folder < 100; folder++) {
      mkdirSync(app.path(`many/${folder}`), { recursive: true });
      // Names of one file: as much to read, and quickly made.
      for (let file = 1; file <= 500; file++)
        linkSync(app.path('many/0/0'), app.path(`many/${folder}/${file}`));
    }
    const push = app.startPush();
    await eventually(() => bytesRead(push.child.pid) > 20 << 20, {
      what: 'a fifth of the files read',
      withinMs: 30_000,
      everyMs: 2,
    });
    await interruptedWithin(10_000, push);
    expect(await stateLink()).toBe(token);
  });
});

/** Takes whatever it is told on the ssh port of an address of its own, and answers nothing but a banner. */
class HangingServer implements AsyncDisposable {
  readonly address = '127.10.0.1';
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    banner: string,
  ) {
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined).on('data', () => server.emit('data'));
      socket.write(banner);
    });
  }

  static async listen(banner = ''): Promise<HangingServer> {
    const hanging = new HangingServer(createServer(), banner);
    hanging.server.listen(22222, hanging.address);
    await once(hanging.server, 'listening');
    return hanging;
  }

  async reached(what: 'connection' | 'data'): Promise<void> {
    await once(this.server, what, { signal: AbortSignal.timeout(10_000) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }
}
