import { closeSync, openSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExitCode } from '../../src/errors.js';
import { runProgram } from '../testbed/program.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { Laptop } from './discovery/laptop.js';
import { HELLO, PushedApp } from './pushed-app.js';
import { BIN } from './rdt.js';

let device: VirtualDevice;

beforeAll(async () => {
  const bridge = 'words-1';
  device = await VirtualDevice.up({ name: 'words', images: ['busybox'], enginePort: 2377, bridge });
});
afterAll(() => device.down());

it('a plan that cannot be written is a failure: an empty one would say that nothing is to be done', async () => {
  using app = new PushedApp(device, 'full');
  const words = ['push', device.address, '--app-name', 'full', '--dry-run'];
  const script = ['-c', 'exec "$@" >/dev/full', 'sh', process.execPath, BIN, ...words];
  const { exitCode, stderr } = await runProgram(['sh', ...script], {
    cwd: app.folder,
    env: { ...process.env, HOME: app.rdt.home },
  });
  expect(stderr).toContain('rdt: cannot write the output: ENOSPC');
  expect([ExitCode.failure, ExitCode.interrupted]).toContain(exitCode);
});

describe('the letters of the options', () => {
  it('say the same as the words, and what they said is remembered', async () => {
    using app = new PushedApp(device, 'letters', {});
    for (const [path, content] of Object.entries(HELLO)) app.write(`web/${path}`, content);
    app.write('web/notes.tmp', 'ignored');
    app.write('web/package.json', '{}');
    const letters = [
      ['-s', 'web'],
      ['-d', '/usr/src/app'],
      ['-i', '*.tmp'],
      ['-b', 'echo "before $RDT_ACTION"'],
      ['-a', 'echo "after $RDT_APP_NAME"'],
      ['-e', 'GREETING=hello'],
      ['-n', 'letters'],
      ['-r', 'package.json'],
      ['-f', '-p', '-v', '--timing'],
    ];
    const push = ['push', device.address, '--skip-logs', ...letters.flat()];
    const { exitCode, stdout, stderr } = await app.rdt.run(push, { cwd: app.folder });
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain('--force-build was given');
    for (const line of [
      /^before build$/m,
      /^after letters$/m,
      /^built sha256:/m,
      /^plan +\d+/m,
      /^build +\d+/m,
    ])
      expect(stderr).toMatch(line);
    expect(await app.exec('sh', '-c', 'echo $GREETING')).toBe('hello');
    expect(load(readFileSync(app.path('web/.resin-sync.yml'), 'utf8'))).toMatchObject({
      local_resinos: {
        'app-name': 'letters',
        'build-triggers': [
          { Dockerfile: expect.any(String) as string },
          { 'package.json': expect.any(String) as string },
        ],
        environment: ['GREETING=hello'],
      },
      destination: '/usr/src/app',
      before: 'echo "before $RDT_ACTION"',
      after: 'echo "after $RDT_APP_NAME"',
      ignore: ['*.tmp'],
      progress: true,
      verbose: true,
    });
    app.write('web/notes.tmp', 'still ignored');
    app.write('web/new.txt', 'new');
    const again = await app.rdt.run(['push', device.address, '-s', 'web', '--dry-run'], { cwd: app.folder });
    expect(again.stdout).toBe('syncing letters: no build trigger changed\n  send   new.txt\napp: restart\n');
  });
});

describe('without a name for the app', () => {
  it('and without a terminal the name of the folder is used', async () => {
    using app = new PushedApp(device, 'my-app', {});
    for (const [path, content] of Object.entries(HELLO)) app.write(`My App!/${path}`, content);
    const push = ['push', device.address, '--skip-logs'];
    const { exitCode, stderr } = await app.rdt.run(push, { cwd: app.path('My App!') });
    expect(exitCode, stderr).toBe(0);
    expect((await app.state()).running).toBe(true);
    expect(load(readFileSync(app.path('My App!/.resin-sync.yml'), 'utf8'))).toMatchObject({
      local_resinos: { 'app-name': 'my-app' },
    });
  });

  it('the app of another folder that is called the same is left alone, until its name is given', async () => {
    using app = new PushedApp(device, 'server', {});
    for (const [path, content] of Object.entries(HELLO)) {
      app.write(`p1/server/${path}`, content);
      app.write(`p2/server/${path}`, content);
    }
    const pushed = (folder: string, ...args: string[]) =>
      app.rdt.run(['push', device.address, '--skip-logs', ...args], { cwd: app.path(folder) });
    expect(await pushed('p1/server')).toMatchObject({ exitCode: 0 });
    const before = await app.state();
    const { exitCode, stderr } = await pushed('p2/server');
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toMatch(
      /^rdt: the device has an app server already, pushed from \S+@\S+:\/\S+\/p1\/server: it may be/m,
    );
    expect(stderr).toContain('Push with `--app-name server` to take that app over');
    expect(await app.state()).toEqual(before);
    app.remove('p1/server/.resin-sync.yml');
    expect(await pushed('p1/server')).toMatchObject({ exitCode: 0 });
    expect(await pushed('p2/server', '--app-name', 'server')).toMatchObject({ exitCode: 0 });
    expect(await pushed('p1/server')).toMatchObject({ exitCode: 0 });
  });
});

describe('a switch with a value, as in the old help', () => {
  it('is saved with that value, which is not taken for a device', async () => {
    using app = new PushedApp(device, 'values');
    app.write('.resin-sync.yml', 'verbose: true\nprogress: false\n');
    await app.push('--verbose', 'false', '--progress', 'true');
    expect(load(app.projectFile())).toMatchObject({ verbose: false, progress: true });
    const first = ['push', '--verbose', 'false', device.address, '-n', 'values', '--skip-logs'];
    const { exitCode, stderr } = await app.rdt.run(first, { cwd: app.folder });
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/^values up to date/m);
  });
});

describe('without a device in the command', () => {
  it('the only one of the network is taken, and named', async () => {
    using app = new PushedApp(device, 'found');
    const address = device.address.replace(/\d+$/, '240/24');
    await using laptop = await Laptop.up('wordslap', [
      { bridge: device.hostInterface, addresses: [address] },
    ]);
    const { exitCode, stderr } = await laptop.run(['push', '-n', 'found', '--skip-logs'], {
      cwd: app.folder,
      env: { ...process.env, HOME: app.rdt.home },
    });
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('words');
    expect(stderr).toContain(device.address);
    expect((await app.state()).running).toBe(true);
  });
});

describe('--dry-run', () => {
  it('lists what a first push would send, without what .dockerignore keeps back', async () => {
    using app = new PushedApp(device, 'first');
    app.write('.dockerignore', 'secret\n');
    app.write('secret', '');
    app.write('deep/er/file', '');
    const { stdout, exitCode } = await app.tryPush('--dry-run');
    expect(exitCode).toBe(0);
    const sent = ['.dockerignore', 'Dockerfile', 'deep/er/file', 'main.sh'].map(
      (path) => `  send   ${path}\n`,
    );
    expect(stdout).toMatch(/^building first: .*\n/);
    expect(stdout).toContain(`${sent.join('')}app: create and start\n`);
    const json = await app.tryPush('--dry-run', '--json');
    const plan = JSON.parse(json.stdout.trimEnd().split('\n').at(-1) ?? '') as { plan: object };
    expect(plan).toMatchObject({
      type: 'plan',
      plan: {
        app: 'first',
        decision: { action: 'build' },
        context: ['.dockerignore', 'Dockerfile', 'deep/er/file', 'main.sh'],
        effect: 'create and start',
      },
    });
  });

  it('fails as the build would when there is no Dockerfile', async () => {
    using app = new PushedApp(device, 'nothing', { 'main.sh': '' });
    const { stdout, stderr, exitCode } = await app.tryPush('--dry-run');
    const built = await app.tryPush();
    expect([stdout, exitCode]).toEqual(['', built.exitCode]);
    expect(stderr).toContain(`There is no Dockerfile in ${app.folder}`);
  });
});

it('a build trigger that is not there is told of', async () => {
  using app = new PushedApp(device, 'trigger', { Dockerfile: 'FROM busybox\n', there: '' });
  const { stderr, exitCode } = await app.tryPush('--dry-run', '--build-triggers', 'there,thre');
  expect(exitCode).toBe(0);
  expect(stderr).toContain('the build trigger thre is not there: a build starts when it appears');
  expect(stderr).not.toContain('trigger there');
});

describe('a project file', () => {
  it.each([
    ['local_resinos:\n  app-name: Words\n', '2:13', /app-name must be lower-case/],
    ['local_resinos:\n  app-name: w\n', '2:13', /app-name must have 2 to 128 characters/],
    ['ignore:\n  - a\n  - ../b\n', '3:5', /outside/],
    ['destination: [1\n', '2:1', /flow collection|expected|unexpected/i],
  ])('that says %j ends the push before anything is done', async (content, position, reason) => {
    using app = new PushedApp(device, 'wrong');
    app.write('.resin-sync.yml', content);
    const { exitCode, stderr } = await app.rdt.run(['push', device.address], { cwd: app.folder });
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toContain(`.resin-sync.yml:${position}: `);
    expect(stderr).toMatch(reason);
    expect(app.projectFile()).toBe(content);
  });

  it('with a typo in a key is used without it, warned of with the key that was meant, and left as it is', async () => {
    using app = new PushedApp(device, 'typo');
    app.write('.resin-sync.yml', 'ignore: []\ndestinaton: /opt/app # mine\n');
    const { stderr } = await app.push();
    expect(stderr).toMatch(
      /^warning: \S*\.resin-sync\.yml:2:1: unknown key 'destinaton' is ignored; did you mean 'destination'\?$/m,
    );
    await app.expectInStep();
    expect(app.projectFile()).toContain('\ndestinaton: /opt/app # mine\n');
    expect(app.projectFile()).toContain('Dockerfile: ');
  });

  it('of balena stays the one that is used', async () => {
    using app = new PushedApp(device, 'newer');
    app.write('.balena-sync.yml', '# mine\nlocal_balenaos:\n  app-name: newer\n');
    const { exitCode, stderr } = await app.rdt.run(['push', device.address, '--skip-logs'], {
      cwd: app.folder,
    });
    expect(exitCode, stderr).toBe(0);
    const saved = readFileSync(app.path('.balena-sync.yml'), 'utf8');
    expect(saved).toMatch(
      /^# mine\nlocal_balenaos:\n {2}app-name: newer\n {2}build-triggers:\n {4}- Dockerfile: /,
    );
    expect(() => app.projectFile()).toThrow('ENOENT');
  });

  it('is exchanged for the new one in one step', async () => {
    using app = new PushedApp(device, 'exchanged');
    await app.push();
    const before = app.projectFile();
    const reader = openSync(app.path('.resin-sync.yml'), 'r');
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}ENV A=1\n`);
    await app.push();
    expect(app.projectFile()).not.toBe(before);
    expect(readFileSync(reader, 'utf8')).toBe(before);
    closeSync(reader);
  });
});
