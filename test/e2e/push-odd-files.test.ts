import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProgramResult, runProgram } from '../testbed/program.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';
import { BIN } from './rdt.js';

let device: VirtualDevice;
let app: PushedApp;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-odd-files', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'odd', { ...HELLO, '.dockerignore': 'many\nodd\n' });
  await app.push();
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

describe('names', () => {
  const names = [
    'new\nline',
    'quote"s\'',
    'back\\slash',
    'carriage\rreturn',
    'line\u2028separator',
    '-rf',
    ' space ',
    '*',
    '$(reboot)',
    'ü',
    'e\u0301',
    '漢字',
    '\t',
    '~',
    '#',
    '%41',
  ];

  it('of every kind are sent, changed and deleted as they are', async () => {
    for (const name of names) {
      app.write(`odd/${name}/${name}`, name);
      symlinkSync(name, app.path(`odd/${name}/link`));
    }
    await app.push();
    await app.expectInStep();
    for (const name of names) app.write(`odd/${name}/${name}`, 'changed');
    app.remove('odd/-rf');
    await app.push();
    await app.expectInStep();
    app.remove('odd');
    await app.push();
    await app.expectInStep();
  });

  it('of every kind are compared with what the container holds', async () => {
    for (const name of names) app.write(`odd/${name}`, name);
    await app.push();
    await app.exec('rm', '.rdt-state');
    expect((await app.push()).stderr).not.toContain('sent ');
    for (const name of names) {
      app.remove(`odd/${name}`);
      app.write(`odd/${name}/inside`, 'a folder now');
      symlinkSync(name, app.path(`odd/${name}/link`));
    }
    await app.exec('rm', '.rdt-state');
    await app.push();
    await app.expectInStep();
    for (const name of names) app.remove(`odd/${name}`);
    for (const name of names) app.write(`odd/${name}`, 'a file again');
    await app.exec('rm', '.rdt-state');
    await app.push();
    await app.expectInStep();
    app.remove('odd');
    await app.push();
    await app.expectInStep();
  });

  it('of every kind are built into an image', async () => {
    for (const name of names) app.write(`built/${name}`, name);
    await app.push('--force-build');
    await app.expectInStep();
    app.remove('built');
    await app.push();
    await app.expectInStep();
  });

  it('of 255 bytes, and paths of 1,000, are sent', async () => {
    const long = 'x'.repeat(255);
    app.write(`odd/${'y'.repeat(200)}/${'z'.repeat(200)}/${'ä'.repeat(127)}/${long}`, 'deep');
    await app.push();
    await app.expectInStep();
    app.remove('odd');
    await app.push();
    await app.expectInStep();
  });

  it('that are no UTF-8 are left out with a warning, and everything else is sent', async () => {
    const bytes = Buffer.concat([Buffer.from(app.path('bad-')), Buffer.from([0xff, 0xfe])]);
    writeFileSync(bytes, 'latin');
    app.write('good.txt', 'sent');
    const { stderr } = await app.push();
    expect(stderr).toMatch(/warning: bad-\uFFFD+ has a name that is not valid UTF-8; it is not synced/);
    expect(await app.exec('cat', 'good.txt')).toBe('sent');
    execFileSync('sh', ['-c', 'rm -- bad-*'], { cwd: app.folder });
  });

  it('that a link leads to, are left out with a warning, and what a build brought for it stays', async () => {
    symlinkSync(Buffer.from([0x61, 0xff]), app.path('odd-link'));
    const target = async () => app.exec('sh', '-c', 'readlink odd-link | od -An -tx1');
    await app.push('--force-build');
    expect(await target()).toBe('61 ff 0a');
    app.write('good.txt', 'beside a link');
    const { stderr } = await app.push();
    expect(stderr).toContain(
      'warning: odd-link is a link to a name that is not valid UTF-8; it is not synced\n',
    );
    expect(await app.exec('cat', 'good.txt')).toBe('beside a link');
    expect(await target()).toBe('61 ff 0a');
    app.remove('odd-link');
  });
});

describe('entries that are no plain files', () => {
  it('are left out with a warning: a socket, a FIFO and a device node', async () => {
    execFileSync('mkfifo', [app.path('pipe')]);
    execFileSync('mknod', [app.path('null'), 'c', '1', '3']);
    const server = createServer().listen(app.path('socket'));
    app.write('good.txt', 'beside a pipe');
    const { stderr } = await app.push();
    const message = 'null, pipe, socket are neither files, folders nor links; they are not synced';
    expect(stderr).toContain(`warning: ${message}\n`);
    expect(await app.exec('cat', 'good.txt')).toBe('beside a pipe');
    const built = await app.tryPush('--force-build');
    expect(built.exitCode, built.stderr).toBe(0);
    server.close();
    for (const name of ['pipe', 'null']) app.remove(name);
  });

  it('are sent as they are: links that lead in circles, nowhere, or out of the project', async () => {
    symlinkSync('loop-b', app.path('loop-a'));
    symlinkSync('loop-a', app.path('loop-b'));
    symlinkSync('.', app.path('here'));
    symlinkSync('../../../../etc', app.path('up'));
    symlinkSync('/', app.path('root'));
    app.write('good.txt', 'beside loops');
    const notice = 'root, up are links that lead out of the project: in the container to what is there\n';
    expect((await app.push()).stderr).toContain(notice);
    expect((await app.push()).stderr).not.toContain('out of the project');
    await app.expectInStep();
    await app.push('--force-build');
    await app.expectInStep();
    for (const name of ['loop-a', 'loop-b', 'here', 'up', 'root']) app.remove(name);
    await app.push();
    await app.expectInStep();
  });

  it('never lead a sync out of the destination, when the container swaps a folder for a link', async () => {
    app.write('lib/one.txt', 'one');
    await app.push();
    await app.exec('sh', '-c', 'rm -rf lib && mkdir -p /tmp/outside && ln -s /tmp/outside lib');
    app.write('lib/two.txt', 'two');
    app.write('lib/one.txt', 'uno');
    await app.tryPush();
    expect(await app.exec('ls', '/tmp/outside')).toBe('');
    await app.push('--force-build');
    await app.expectInStep();
  });
});

describe('modes and times', () => {
  it('of every kind are kept', async () => {
    for (const mode of [0o000, 0o400, 0o444, 0o600, 0o777, 0o4755, 0o2755]) {
      app.write(`modes/${mode.toString(8)}`, 'x');
      chmodSync(app.path(`modes/${mode.toString(8)}`), mode);
    }
    mkdirSync(app.path('modes/sticky'));
    chmodSync(app.path('modes/sticky'), 0o1777);
    await app.push();
    await app.expectInStep();
    app.remove('modes');
  });

  it('before 1970 and after 2038 do no harm', async () => {
    for (const [name, seconds] of [
      ['old', -1e9],
      ['epoch', 0],
      ['far', 4e9],
    ] as const) {
      app.write(name, name);
      utimesSync(app.path(name), seconds, seconds);
    }
    await app.push();
    await app.expectInStep();
    expect(await app.exec('stat', '-c', '%Y', 'epoch')).toBe('0');
    await app.push('--force-build');
    await app.expectInStep();
  });
});

describe('a folder that loses most of its files', () => {
  it('is not followed without --force, and nothing is changed', async () => {
    for (let n = 0; n < 150; n++) app.write(`many/${n}.txt`, `${n}`);
    await app.push();
    const [tree, state] = [await app.deployedTree(), await app.state()];
    app.remove('many');
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/rdt: this push would delete 150 of the \d+ files that it once sent\n.*--force/);
    expect(await app.deployedTree()).toEqual(tree);
    expect(await app.state()).toEqual(state);
    await app.push('--force');
    await app.expectInStep();
  });

  it('during a build is not followed without --force either, and the old app is back', async () => {
    using emptied = new PushedApp(device, 'emptied', HELLO);
    for (let n = 0; n < 150; n++) emptied.write(`many/${n}.txt`, `${n}`);
    await emptied.push();
    const [tree, { id }] = [await emptied.deployedTree(), await emptied.state()];
    emptied.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}RUN echo begun; sleep 3\n`);
    const push = emptied.startPush();
    await push.until(/begun/);
    emptied.remove('many');
    const { exitCode, stderr } = await push.ended();
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toMatch(/rdt: this push would delete 150 of the \d+ files that it once sent\n.*--force/);
    expect(stderr).toContain('emptied is back as it was');
    expect(await emptied.state()).toMatchObject({ id, running: true });
    expect(await emptied.deployedTree()).toEqual(tree);
    await emptied.push();
    await emptied.expectInStep();
  });
});

describe('what cannot be read', () => {
  /** Root without its privilege to read everything: the one way to have an unreadable file in a test that runs as root. */
  const push = (...args: string[]): Promise<ProgramResult> =>
    runProgram(
      [
        ...['setpriv', '--bounding-set', '-dac_override,-dac_read_search', process.execPath, BIN],
        ...['push', device.address, '--app-name', 'odd', '--skip-logs', ...args],
      ],
      { cwd: app.folder, env: { ...process.env, HOME: app.rdt.home, XDG_STATE_HOME: '' } },
    );

  for (const [what, path] of [
    ['file', 'private/key.txt'],
    ['folder', 'private'],
  ] as const) {
    it(`is an error that names it: a ${what}; nothing is sent, and ignoring it helps`, async () => {
      app.write('private/key.txt', 'x');
      app.write('beside.txt', what);
      app.chmod(path, 0o000);
      const state = await app.state();
      for (const args of [[], ['--force-build']]) {
        const { exitCode, stderr } = await push(...args);
        expect(exitCode, stderr).toBe(1);
        expect(stderr).toMatch(new RegExp(`^rdt: .*${path}`, 'm'));
        expect(stderr).toMatch(/ignore/);
        expect(await app.state()).toEqual(state);
      }
      app.write('.gitignore', 'private\n');
      expect(await push()).toMatchObject({ exitCode: 0 });
      expect(await app.exec('cat', 'beside.txt')).toBe(what);
      app.remove('private');
      app.remove('.gitignore');
    });
  }
});
