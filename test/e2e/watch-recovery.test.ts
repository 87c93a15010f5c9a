import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { canMount, mount, unmount } from '../unit/watch/bind-mount.js';
import { LOOP } from './pushed-app.js';
import { Rdt } from './rdt.js';
import { WatchedApp } from './watched-app.js';

const FILES = {
  Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n',
  'main.sh': `echo "version $(cat version)"\n[ ! -e crash ] || exit 7\n${LOOP}`,
  version: '1\n',
};
const NO_POLICY = 'local_resinos:\n  restart-policy: no\n';

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'w4-recover', images: ['busybox'] });
});
afterAll(() => device.down());

it('tells of a crash with exit code and last lines, and starts the app with the next save', async () => {
  await using app = new WatchedApp(device, 'crash', { ...FILES, '.resin-sync.yml': NO_POLICY });
  await app.watch();
  const exited = await app.andThen('app-exited', () => app.write('crash', ''));
  expect(exited).toMatchObject({ exitCode: 7, restarts: false });
  expect(exited['lastLines']).toContain('version 1');
  expect((await app.state()).running).toBe(false);
  app.remove('crash');
  await app.untilInStep();
  await app.andThen('batch', () => app.write('version', '2\n'));
  expect((await app.state()).running).toBe(true);
});

it('syncs into an app that the engine starts again and again, and frees it at once', async () => {
  await using app = new WatchedApp(device, 'loop', FILES);
  await app.watch();
  const exited = await app.andThen('app-exited', () => app.write('crash', ''));
  expect(exited).toMatchObject({ exitCode: 7, restarts: true });
  app.remove('crash');
  app.write('version', '2\n');
  await app.untilInStep();
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 2');
  expect(app.ofType('app-exited').length).toBeLessThan(4);
});

it('puts a folder back that the app has taken away, as soon as something in it is saved', async () => {
  await using app = new WatchedApp(device, 'taking', { ...FILES, 'data/a': 'a', 'data/b': 'b' });
  await app.watch('--restart', 'none');
  await app.andThen('batch', () => app.write('data/a', 'saved'));
  await app.exec('rm', '-r', 'data');
  app.write('data/a', 'saved again');
  await app.untilInStep();
  expect(app.ofType('batch-failed')).toEqual([]);
});

it.runIf(canMount)(
  'keeps the files of an app whose folder is unmounted, and is in step when it is back',
  async () => {
    await using app = new WatchedApp(device, 'unmount', {});
    const drive = mkdtempSync(join(tmpdir(), 'rdt-drive-'));
    for (const [path, content] of Object.entries(FILES)) writeFileSync(join(drive, path), content);
    mount(drive, app.folder);
    try {
      await app.watch();
      const deployed = await app.deployedTree();
      await app.andThen('batch-failed', () => unmount(app.folder));
      expect(await app.deployedTree()).toEqual(deployed);
      writeFileSync(join(drive, 'version'), '2\n');
      const after = app.events.length;
      await app.andThen('done', () => mount(drive, app.folder), 10_000);
      await app.untilInStep();
      await app.andThen('batch', () => app.write('version', '3\n'));
      await app.andThen('done', () => app.write('Dockerfile', `${FILES.Dockerfile}# anew\n`));
      await app.untilInStep();
      const built = app.events.slice(after).filter(({ type }) => type === 'decision');
      expect(built.map(({ decision }) => (decision as { action: string }).action)).toEqual(['sync', 'build']);
      expect(app.ofType('batch-failed')).toHaveLength(1);
    } finally {
      unmount(app.folder);
      rmSync(drive, { recursive: true });
    }
  },
  120_000,
);

describe.each(['none', 'signal:HUP'])('with --restart %s, an app that crashes by itself', (how) => {
  const name = how.replace(':', '-').toLowerCase();
  const CRASHING = `echo "version $(cat version)"
trap 'echo got HUP' HUP
trap exit TERM
while ! grep -q crashes version; do sleep 0.1; done
exit 7
`;

  it('is started by the save that mends it, however long the engine would have it wait', async () => {
    await using app = new WatchedApp(device, name, { ...FILES, 'main.sh': CRASHING });
    await app.watch('--restart', how);
    app.write('version', '1 crashes\n');
    await eventually(async () => (await restartsOf(app)) >= 7, {
      what: 'the seventh new start',
      withinMs: 60_000,
    });
    app.write('version', '2\n');
    // The engine waits for 12.8 s.
    await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 2', { withinMs: 8_000 });
    await app.untilInStep();
    expect(app.ofType('batch').at(-1)).toMatchObject({ batch: { effect: 'started' } });
  });

  it('is started again by the engine after a save, too', async () => {
    await using app = new WatchedApp(device, `${name}-save`, { ...FILES, 'main.sh': CRASHING });
    await app.watch('--restart', how);
    await app.andThen('batch', () => app.write('version', '2\n'));
    const pid = await app.docker('inspect', '--format', '{{.State.Pid}}', app.name);
    await device.run(['kill', '-KILL', pid.trim()]);
    await eventually(async () => (await restartsOf(app)) === 1, { what: 'a new start', withinMs: 20_000 });
  });
});

const restartsOf = async (app: WatchedApp): Promise<number> =>
  Number(await app.docker('inspect', '--format', '{{.RestartCount}}', app.name));

it.each([
  ['removed', (app: WatchedApp) => app.docker('rm', '--force', app.name)],
  ['restarted', (app: WatchedApp) => app.docker('restart', '--time', '0', app.name)],
  [
    'replaced',
    async (app: WatchedApp) => {
      // Ready beforehand: who finds nothing for 0.3 s is right to say that it was removed.
      const other = `other-${app.name}`;
      await app.docker(
        'run',
        '--detach',
        '--label',
        `io.resin.rdt.app=${app.name}`,
        '--label',
        'io.resin.rdt.spec=another',
        '--name',
        other,
        app.name,
      );
      await app.docker('rm', '--force', app.name);
      await app.docker('rename', other, app.name);
    },
  ],
] as const)('is in step again after the container was %s by somebody else', async (name, act) => {
  await using app = new WatchedApp(device, name, FILES);
  await app.watch();
  await app.andThen('batch', () => app.write('version', '2\n'));
  expect(await app.andThen('app-changed', () => act(app))).toMatchObject({ what: name });
  app.write('version', '3\n');
  await app.untilInStep();
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 3');
});

it('waits while the container is paused', async () => {
  await using app = new WatchedApp(device, 'paused', FILES);
  await app.watch('--restart', 'none');
  // Docker 20.10 hangs when it is to pause a container in which it is just starting a program: the channel has to be open.
  for (let version = 2, channel = ''; !channel.includes('"warm"'); version++)
    channel = JSON.stringify(await app.andThen('batch', () => app.write('version', `${version}\n`)));
  await app.andThen('app-changed', () => app.docker('pause', app.name));
  app.write('version', '1000\n');
  const resumed = await app.andThen('app-changed', () => app.docker('unpause', app.name));
  expect(resumed).toMatchObject({ what: 'resumed' });
  await app.untilInStep();
});

it('waits as well, and keeps the container, when it is paused just before a file goes and a large one comes', async () => {
  await using app = new WatchedApp(device, 'paused-before', { ...FILES, 'goes.txt': 'soon' });
  await app.watch('--restart', 'none');
  for (let version = 2, channel = ''; !channel.includes('"warm"'); version++)
    channel = JSON.stringify(await app.andThen('batch', () => app.write('version', `${version}\n`)));
  const id = await app.docker('inspect', '--format', '{{.Id}}', app.name);
  await app.docker('pause', app.name);
  const paused = await app.andThen('app-changed', () => {
    app.write('large.bin', randomBytes(3 << 20));
    app.remove('goes.txt');
  });
  expect(paused).toMatchObject({ what: 'paused' });
  expect(app.events.map(({ type }) => type)).not.toContain('batch-failed');
  await app.andThen('app-changed', () => app.docker('unpause', app.name));
  await app.untilInStep();
  expect(await app.docker('inspect', '--format', '{{.Id}}', app.name)).toBe(id);
});

it.each([
  ['the device rebooted', async () => device.reboot()],
  ['the device lost its power', async () => device.reboot({ powerCut: true })],
  ['the engine was restarted', async () => device.restartEngine()],
  [
    'the network was gone',
    async (app: WatchedApp) => {
      await device.unplug();
      await app.untilEvent(({ type }) => type === 'device-lost');
      await device.plug();
    },
  ],
  [
    'the engine hung',
    async (app: WatchedApp) => {
      await device.pauseEngine();
      await app.untilEvent(({ type }) => type === 'device-lost');
      await device.resumeEngine();
    },
  ],
] as const)('says once that %s, and is in step again by itself', async (what, act) => {
  await using app = new WatchedApp(device, what.replaceAll(' ', '-'), FILES);
  await app.watch();
  await app.andThen('batch', () => app.write('version', '2\n'));
  const acting = act(app);
  await app.untilEvent(({ type }) => type === 'device-lost');
  app.write('version', '3\n');
  app.write('made-meanwhile', 'x');
  await acting;
  await app.untilEvent(({ type }) => type === 'device-back', { withinMs: 20_000 });
  await app.untilInStep();
  expect(app.ofType('device-lost')).toHaveLength(1);
  await app.andThen('batch', () => app.write('version', '4\n'));
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 4');
  expect((await app.stop()).exitCode).toBe(0);
});

it('is back within 2 s after the network is', async () => {
  await using app = new WatchedApp(device, 'late', FILES);
  await app.watch();
  await device.unplug();
  await app.untilEvent(({ type }) => type === 'device-lost');
  await device.plug();
  const pluggedMs = performance.now();
  await app.untilEvent(({ type }) => type === 'device-back', { withinMs: 10_000 });
  // The longest pause, an attempt that began too early, and the complete push that follows.
  expect(performance.now() - pluggedMs).toBeLessThan(2_500);
});

it('is told of, and soon in step again, when it was unplugged with a save under way', async () => {
  await using app = new WatchedApp(device, 'stuck', FILES);
  await app.watch();
  await app.andThen('batch', () => app.write('version', '2\n'));
  await device.unplug();
  app.write('version', '3\n');
  await app.untilEvent(({ type }) => type === 'device-lost', { withinMs: 10_000 });
  await device.plug();
  const pluggedMs = performance.now();
  await app.untilEvent(({ type }) => type === 'device-back', { withinMs: 10_000 });
  expect(performance.now() - pluggedMs).toBeLessThan(3_000);
  await app.expectInStep();
  expect(app.ofType('device-lost')).toHaveLength(1);
});

it('is not given up while its engine is too busy to answer a save', async () => {
  await using app = new WatchedApp(device, 'busy', FILES);
  await app.watch();
  const pids = (await device.run(['pidof', 'dockerd'])).stdout.trim().split(' ');
  await device.run(['kill', '-STOP', ...pids]);
  const resumed = new Promise((resolve) => setTimeout(resolve, 5_000)).then(() =>
    device.run(['kill', '-CONT', ...pids]),
  );
  await app.andThen('batch', () => app.write('version', '2\n'));
  await resumed;
  expect(app.ofType('device-lost')).toEqual([]);
});

it('ends at Ctrl-C while the device is away', async () => {
  await using app = new WatchedApp(device, 'away', FILES);
  await app.watch();
  await device.unplug();
  await app.untilEvent(({ type }) => type === 'device-lost');
  const { exitCode } = await app.stop();
  await device.plug();
  expect(exitCode).toBe(0);
});

it('goes on when somebody prunes the volumes of the device, its lock among them', async () => {
  await using app = new WatchedApp(device, 'pruned', FILES);
  await app.watch();
  const locks = () => app.docker('volume', 'ls', '--quiet', '--filter', 'name=rdt-lock.pruned.');
  const before = await locks();
  await app.docker('volume', 'prune', '--force');
  expect(await locks()).toBe('');
  await eventually(async () => !['', before].includes(await locks()), {
    what: 'the lock, renewed',
    withinMs: 20_000,
  });
  await app.andThen('batch', () => app.write('version', '2\n'));
  await app.expectInStep();
  expect(app.ofType('device-lost')).toEqual([]);
});

it('takes away with the next push what a watch that was killed has brought, and what went from the folder since', async () => {
  await using app = new WatchedApp(device, 'killed', FILES);
  // What was sent is written a second later, which a restart takes.
  await app.watch('--restart', 'none');
  await app.andThen('batch', () => app.write('extra/new', 'x'));
  app.process.kill('SIGKILL');
  await app.process.ended();
  app.remove('extra');
  await app.forgetLock();
  await app.push();
  await app.expectInStep();
});

it('is in step again when the laptop slept, and somebody else has pushed meanwhile', async () => {
  await using app = new WatchedApp(device, 'slept', FILES);
  using other = new Rdt();
  await app.watch();
  app.process.kill('SIGSTOP');
  app.write('version', '2\n');
  const push = ['push', device.address, '--app-name', 'slept', '--skip-logs'];
  await eventually(async () => (await other.start(push, { cwd: app.folder }).ended()).exitCode === 0, {
    what: 'the end of the lock',
    withinMs: 60_000,
    everyMs: 500,
  });
  app.process.kill('SIGCONT');
  app.write('version', '3\n');
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 3');
  await app.untilInStep();
  await app.andThen('batch', () => app.write('version', '4\n'));
});
