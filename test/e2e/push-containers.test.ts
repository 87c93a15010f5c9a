import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, LOOP, PushedApp } from './pushed-app.js';

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'push-containers',
    announce: false,
    images: ['busybox', 'gnu', 'scratch-app'],
  });
});
afterAll(() => device.down());

const dockerfile = (...lines: string[]): string =>
  ['FROM busybox', 'WORKDIR /usr/src/app', ...lines, 'CMD ["sh", "/main.sh"]', ''].join('\n');

/** An app whose program lies beside the destination, so that the destination may be anything. */
const beside = (...lines: string[]): Record<string, string> => ({
  Dockerfile: dockerfile('COPY main.sh /', ...lines),
  'main.sh': LOOP,
});

describe('an image without shell and tar', () => {
  let app: PushedApp;
  const files = ['message', 'lib/one.txt', 'lib/two.txt'];

  beforeAll(() => {
    app = new PushedApp(device, 'scratch', { Dockerfile: 'FROM scratch-app\nCOPY . /usr/src/app/\n' });
    for (const file of files) app.write(file, `this is ${file}`);
  });
  afterAll(() => app[Symbol.dispose]());

  it('is built and run with the whole folder', async () => {
    await app.push();
    await app.untilLogged('this is message');
    await app.expectInStep();
  });

  it('gets an edit without a build', async () => {
    const { id } = await app.state();
    app.write('message', 'edited');
    await app.push();
    expect(await app.state()).toMatchObject({ id, running: true });
    await app.untilLogged('edited');
    await app.expectInStep();
  });

  it('is touched by nothing when there is nothing new', async () => {
    const state = await app.state();
    await app.push();
    expect(await app.state()).toEqual(state);
  });

  it('is built anew to delete a file, and says why', async () => {
    app.remove('lib/one.txt');
    const { stderr } = await app.push();
    expect(stderr).toContain('building scratch: files were deleted, and the container has no shell');
    await app.expectInStep();
    expect(await app.leftovers()).toEqual([]);
  });

  it('gets what .dockerignore keeps out of the image', async () => {
    app.write('.dockerignore', 'lib\n');
    await app.push('--force-build');
    await app.expectInStep();
    app.write('lib/two.txt', 'edited too');
    await app.push();
    await app.expectInStep();
  });
});

describe.each(['tar', 'xargs'])('an image whose shell has no %s', (program) => {
  let app: PushedApp;

  beforeAll(async () => {
    app = new PushedApp(device, `without-${program}`, {
      // The shell of busybox has them built in.
      Dockerfile: `FROM gnu\nRUN rm /bin/${program}\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n`,
      'main.sh': LOOP,
      'greeting.txt': 'hello',
      'lib/one.txt': 'one',
      'lib/two.txt': 'two',
    });
    mkdirSync(app.path('empty'));
    await app.push();
  });
  afterAll(() => app[Symbol.dispose]());

  async function expectBuiltToDelete(): Promise<void> {
    const { stderr } = await app.push();
    const reason = 'files were deleted, and the container has no shell, tar or xargs to delete them';
    expect(stderr).toContain(`building ${app.name}: ${reason}\n`);
    await app.expectInStep();
    expect((await app.state()).running).toBe(true);
    expect(await app.leftovers()).toEqual([]);
  }

  it('gets an edit without a build', async () => {
    const { id } = await app.state();
    app.write('greeting.txt', 'good morning');
    await app.push();
    expect(await app.state()).toMatchObject({ id, running: true });
    await app.expectInStep();
  });

  it('gets an edit of a large file without a build', async () => {
    const { id } = await app.state();
    const bytes = randomBytes(5 << 20);
    app.write('large.bin', bytes);
    await app.push();
    bytes.writeUInt8(bytes.readUInt8(1 << 20) ^ 255, 1 << 20);
    app.write('large.bin', bytes);
    await app.push();
    expect(await app.state()).toMatchObject({ id, running: true });
    await app.expectInStep();
  });

  it('is compared without being asked when nobody remembers what it holds', async () => {
    const { id } = await app.state();
    await app.exec('ln', '-sfn', 'unknown', '.rdt-state');
    app.write('greeting.txt', 'good evening');
    await app.push();
    expect(await app.state()).toMatchObject({ id, running: true });
    await app.expectInStep();
  });

  it('is built anew to delete a file, and says why', async () => {
    app.remove('lib/one.txt');
    app.write('greeting.txt', 'good night');
    await expectBuiltToDelete();
  });

  it('is built anew to take an empty folder away, and says why', async () => {
    app.remove('empty');
    await expectBuiltToDelete();
  });
});

describe('a container whose USER is not root', () => {
  const owners = ['stat', '-c', '%u:%g %n', 'fresh', 'fresh/file', 'link', 'main.sh'];

  for (const [user, owner] of [
    ['1000:1001', '1000:1001'],
    ['nobody', '65534:65534'],
    ['nobody:root', '65534:0'],
  ] as const) {
    it(`gets files that belong to it: USER ${user}`, async () => {
      using app = new PushedApp(device, `user-${owner.replace(':', '-')}`, {
        Dockerfile: dockerfile('COPY main.sh /', `USER ${user}`),
        'main.sh': LOOP,
      });
      await app.push();
      app.write('fresh/file', 'x');
      app.write('link', '');
      await app.push();
      const expected = ['fresh', 'fresh/file', 'link', 'main.sh'].map((name) => `${owner} ${name}`);
      expect((await app.exec(...owners)).split('\n')).toEqual(expected);
      await app.exec('sh', '-c', 'echo mine >> fresh/file');
      app.write('fresh/file', 'edited here too');
      app.write('fresh/other', 'y');
      app.remove('link');
      await app.push();
      await app.expectInStep();
      expect(await app.exec('stat', '-c', '%u:%g', 'fresh/other')).toBe(owner);
    });
  }

  it('that its own /etc/passwd does not know is refused with the reason, or refused by the engine', async () => {
    using app = new PushedApp(device, 'user-unknown', {
      ...HELLO,
      Dockerfile: `${HELLO['Dockerfile'] ?? ''}USER somebody\n`,
    });
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toMatch(/somebody/);
    expect(await app.leftovers()).toEqual([]);
  });
});

describe('a destination', () => {
  it('that the image does not have is made', async () => {
    using app = new PushedApp(device, 'elsewhere', beside());
    app.write('a/b.txt', 'x');
    await app.push('--destination', '/opt/deep/app');
    expect(await app.deployedTree('/opt/deep/app')).toEqual(app.localTree());
    app.remove('a/b.txt');
    await app.push();
    expect(await app.deployedTree('/opt/deep/app')).toEqual(app.localTree());
  });

  it('that moves leaves the new one whole', async () => {
    using app = new PushedApp(device, 'moved', beside());
    app.write('a.txt', 'x');
    await app.push('--destination', '/opt/one');
    await app.push('--destination', '/opt/two');
    expect(await app.deployedTree('/opt/two')).toEqual(app.localTree());
  });

  for (const bad of ['/', '//', '/usr/..', 'relative', '/proc/x', '']) {
    it(`"${bad}" is refused before anything is touched`, async () => {
      using app = new PushedApp(device, 'refused', HELLO);
      const { exitCode, stderr } = await app.tryPush(`--destination=${bad}`);
      expect(exitCode, stderr).toBe(2);
      expect(stderr).toMatch(/destination/);
      expect((await device.docker('inspect', 'refused')).exitCode).not.toBe(0);
    });
  }

  it('that comes back is not taken for somebody else’s', async () => {
    using app = new PushedApp(device, 'there-and-back', beside());
    await app.push('--destination', '/first');
    await app.push('--destination', '/second');
    const { stderr } = await app.push('--destination', '/first');
    expect(stderr).not.toContain('another push');
  });

  it('of which the app has put a part elsewhere, and a link in its place, has all of it after the next save', async () => {
    const moving = `if [ ! -L data ]; then cp -r data /elsewhere; rm -rf data; ln -s /elsewhere data; fi\n${LOOP}`;
    const build = dockerfile('COPY . .').replace('/main.sh', 'main.sh');
    using app = new PushedApp(device, 'moving', { Dockerfile: build, 'main.sh': moving });
    for (const name of ['a', 'b']) app.write(`data/${name}`, name);
    await app.push();
    await app.push();
    app.write('data/a', 'saved');
    await app.push('--restart', 'none');
    await app.expectInStep();
    expect((await app.push('--restart', 'none')).stderr).toContain('up to date');
    expect(await app.exec('cat', '/elsewhere/a', '/elsewhere/b')).toBe('ab');
    app.write('data/new', 'new');
    await app.push('--restart', 'none');
    await app.expectInStep();
  });

  for (const [what, put] of [
    ['nothing', ':'],
    ['a file', 'touch data'],
  ] as const) {
    it(`of which the app has taken a folder away, with ${what} in its place, has all of it after the next save`, async () => {
      using app = new PushedApp(device, 'taking', beside());
      for (const name of ['a', 'b', 'sub/c']) app.write(`data/${name}`, name);
      await app.push();
      await app.push();
      await app.exec('sh', '-c', `rm -r data && ${put}`);
      app.write('data/sub/c', 'saved');
      await app.push('--restart', 'none');
      await app.expectInStep();
    });
  }

  it('that is an absolute link in the container stays inside the container', async () => {
    using app = new PushedApp(device, 'linked', beside('RUN ln -s /tmp/real /opt'));
    app.write('a.txt', 'x');
    const { exitCode, stderr } = await app.tryPush('--destination', '/opt');
    expect((await device.run(['ls', '/tmp/real'])).exitCode).not.toBe(0);
    if (exitCode !== 0) expect(stderr).toMatch(/rdt: .*\/opt/);
  });

  it('that is a file in the container is refused with its name', async () => {
    using app = new PushedApp(device, 'not-a-folder', beside('RUN touch /opt-file'));
    app.write('a.txt', 'x');
    const { exitCode, stderr } = await app.tryPush('--destination', '/opt-file');
    expect(exitCode, stderr).not.toBe(0);
    expect(stderr).toMatch(/rdt: .*\/opt-file/);
    expect(stderr).not.toContain('bug in rdt');
    expect(await app.leftovers()).toEqual([]);
  });
});

describe('the container', () => {
  const settingsOf = async (app: PushedApp): Promise<Record<string, unknown>> => ({
    ...(JSON.parse(await app.inspect('{{json .HostConfig}}')) as Record<string, unknown>),
    Tty: JSON.parse(await app.inspect('{{json .Config.Tty}}')) as unknown,
  });

  it('is as the original made it where the project file asks for nothing', async () => {
    using app = new PushedApp(device, 'plain');
    await app.push();
    expect(await settingsOf(app)).toMatchObject({
      Privileged: true,
      NetworkMode: 'host',
      RestartPolicy: { Name: 'always' },
      Binds: [
        '/mnt/data/resin-data/plain:/data',
        '/lib/modules:/lib/modules',
        '/lib/firmware:/lib/firmware',
        '/run/dbus:/host/run/dbus',
      ],
      Tty: true,
    });
  });

  it('has the ports, devices and rights that the project file gives it', async () => {
    using app = new PushedApp(device, 'asked', {
      Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["httpd", "-f", "-p", "80"]\n',
      page: 'hello from port 80\n',
      '.resin-sync.yml': [
        'local_resinos:',
        '  app-name: asked',
        "  ports: ['8080:80', '127.0.0.1:8081:81/udp']",
        "  devices: ['/dev/null:/dev/nothing:r']",
        '  privileged: false',
        '',
      ].join('\n'),
    });
    await app.push();
    expect(await settingsOf(app)).toMatchObject({
      Privileged: false,
      NetworkMode: 'bridge',
      PortBindings: {
        '80/tcp': [{ HostIp: '', HostPort: '8080' }],
        '81/udp': [{ HostIp: '127.0.0.1', HostPort: '8081' }],
      },
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/nothing', CgroupPermissions: 'r' }],
    });
    const page = await fetch(`http://${device.address}:8080/page`);
    expect(await page.text()).toBe('hello from port 80\n');
    expect(await app.exec('cat', '/dev/nothing')).toBe('');
  });

  it('has the network, the command and the restart policy that the project file gives it', async () => {
    using app = new PushedApp(device, 'alone', {
      ...HELLO,
      'other.sh': LOOP.replace('started', 'another one'),
      '.resin-sync.yml': [
        'local_resinos:',
        '  app-name: alone',
        '  network: none',
        '  command: [sh, other.sh]',
        '  restart: on-failure:3',
        '',
      ].join('\n'),
    });
    await app.push();
    expect(await settingsOf(app)).toMatchObject({
      NetworkMode: 'none',
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
    });
    expect(JSON.parse(await app.inspect('{{json .Config.Cmd}}'))).toEqual(['sh', 'other.sh']);
    await app.untilLogged('another one');
  });
});

it('an app behind an init ends in its own time, though that init has no handler for the signal', async () => {
  using app = new PushedApp(device, 'behind-init', {
    Dockerfile:
      'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nENTRYPOINT ["./init", "--"]\nCMD ["sh", "main.sh"]\n',
    'main.sh': 'trap "sleep 0.25; echo ended well; exit 0" TERM\nwhile true; do sleep 0.05; done\n',
    'greeting.txt': 'hello',
    '.resin-sync.yml': 'local_resinos:\n  stop-grace: 10s\n',
  });
  // Debian's is tini, linked statically: it waits for signals that it blocks.
  app.write('init', readFileSync('/usr/bin/docker-init'));
  app.chmod('init', 0o755);
  await app.push();
  app.write('greeting.txt', 'hello again');
  await app.push();
  expect(await app.logs()).toBe('ended well');
});

it('an app that cannot hear that it is to end is not waited for', async () => {
  using app = new PushedApp(device, 'deaf', {
    ...HELLO,
    'main.sh': 'while true; do sleep 0.1; done\n',
    '.resin-sync.yml': 'local_resinos:\n  stop-grace: 20s\n',
  });
  await app.push();
  app.write('greeting.txt', 'hello');
  expect((await app.push()).durationMs).toBeLessThan(10_000);
  expect((await app.state()).running).toBe(true);
});

describe('a container that somebody made anew', () => {
  const FILES = { ...beside('COPY . .'), 'a.txt': 'a', 'cache/b.txt': 'b' };

  async function madeAnew(name: string, ...flags: string[]): Promise<PushedApp> {
    const app = new PushedApp(device, name, FILES);
    await app.push();
    const labels = JSON.parse(await app.inspect('{{json .Config.Labels}}')) as Record<string, string>;
    const same = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
    await app.docker('rm', '--force', name);
    await app.docker('run', '--detach', '--name', name, ...same, ...flags, name);
    app.write('a.txt', 'edited');
    return app;
  }

  /** As the app sees it: the engine's own archive shows what a tmpfs hides. */
  const seen = (app: PushedApp): Promise<string> => app.exec('cat', 'a.txt', 'cache/b.txt');

  for (const [what, flags, reason] of [
    ['a root that is read-only', ['--read-only'], '/usr/src/app is read-only in the container'],
    [
      'a tmpfs at the destination',
      ['--tmpfs', '/usr/src/app'],
      '/usr/src/app is a tmpfs in the container, and a restart empties it',
    ],
    [
      'a tmpfs inside the destination',
      ['--tmpfs', '/usr/src/app/cache'],
      '/usr/src/app/cache is a tmpfs in the container, and a restart empties it',
    ],
  ] as const) {
    it(`with ${what} is replaced, and says why`, async () => {
      using app = await madeAnew(what.replaceAll(' ', '-'), ...flags);
      const { stderr } = await app.push();
      expect(stderr).toContain(`building ${app.name}: ${reason}\n`);
      expect(await seen(app)).toBe('editedb');
      await app.expectInStep();
      expect(await app.leftovers()).toEqual([]);
    });
  }

  it('with a root that is read-only and a volume at the destination gets the files', async () => {
    using app = await madeAnew('read-only-beside', '--read-only', '--volume', 'beside:/usr/src/app');
    const { id } = await app.state();
    app.write('new/c.txt', 'c');
    await app.push();
    await app.expectInStep();
    app.remove('new');
    await app.push();
    expect((await app.state()).id).toBe(id);
    await app.expectInStep();
  });

  it('with a tmpfs gets the files where nothing restarts it, and again after somebody did', async () => {
    using app = await madeAnew('kept-tmpfs', '--read-only', '--tmpfs', '/usr/src/app');
    await app.push('--restart', 'none');
    expect(await seen(app)).toBe('editedb');
    app.write('cache/b.txt', 'too');
    app.remove('main.sh');
    await app.push();
    expect(await seen(app)).toBe('editedtoo');
    expect(await app.exec('ls')).not.toContain('main.sh');
    await app.docker('restart', '--time', '0', app.name);
    await app.push();
    expect(await seen(app)).toBe('editedtoo');
  });

  it('with a tmpfs inside the destination gets what it lost', async () => {
    using app = await madeAnew('inner-tmpfs', '--tmpfs', '/usr/src/app/cache');
    await app.push('--restart', 'none');
    await app.docker('restart', '--time', '0', app.name);
    const { id } = await app.state();
    await app.push();
    expect(await seen(app)).toBe('editedb');
    expect((await app.state()).id).toBe(id);
  });
});
