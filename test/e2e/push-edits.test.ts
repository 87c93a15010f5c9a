import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmdirSync, symlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';

let device: VirtualDevice;
let app: PushedApp;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-edits', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'edits', {
    ...HELLO,
    'greeting.txt': 'hello',
    'lib/one.txt': 'one',
    'lib/deep/two.txt': 'two',
    '.gitignore': 'secret.txt\n',
    'secret.txt': 'never sent',
  });
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

const ignored = (path: string): boolean => path === 'secret.txt' || path.startsWith('node_modules');
const expectInStep = async (): Promise<void> =>
  expect(await app.deployedTree()).toEqual(app.localTree(ignored));

describe('the first push', () => {
  it('builds the project, runs it, and remembers what it did', async () => {
    app.write('.dockerignore', 'secret.txt\n');
    const { stderr } = await app.push();
    expect(stderr).toContain('building edits: no build is recorded for this folder');
    expect((await app.state()).running).toBe(true);
    await app.untilLogged('started');
    await expectInStep();
    expect(app.projectFile()).toMatch(/app-name: edits\n[^]*- Dockerfile: [0-9a-f]{64}\n/);
    expect(await app.leftovers()).toEqual([]);
  });
});

describe('a push that finds', () => {
  it('nothing new touches nothing', async () => {
    const before = await app.state();
    const { stderr } = await app.push();
    expect(stderr).toContain('up to date');
    expect(await app.state()).toEqual(before);
  });

  it('a file that was changed in the container leaves it alone, and puts it right with --verify', async () => {
    const wanted = await app.exec('cat', 'greeting.txt');
    await app.exec('sh', '-c', 'echo meddled > greeting.txt');
    await app.push();
    expect(await app.exec('cat', 'greeting.txt')).toBe('meddled');
    expect((await app.push('--verify')).stderr).toContain('sent 1 file');
    expect(await app.exec('cat', 'greeting.txt')).toBe(wanted);
    const before = await app.state();
    await app.push('--verify');
    expect(await app.state()).toEqual(before);
  });

  it('touched files of the same content sends none of them', async () => {
    const before = await app.state();
    app.write('greeting.txt', 'hello');
    await app.push();
    expect(await app.state()).toEqual(before);
  });

  it('one edited file sends that file and restarts the app in the same container', async () => {
    const before = await app.state();
    app.write('greeting.txt', 'good morning');
    const { stderr } = await app.push();
    expect(stderr).toContain('sent 1 file (12 B)');
    const after = await app.state();
    expect(after).toMatchObject({ id: before.id, image: before.image, running: true });
    expect(after.startedAt).not.toBe(before.startedAt);
    expect(await app.exec('cat', 'greeting.txt')).toBe('good morning');
    await expectInStep();
  });

  it('a deleted file deletes it, and its folder when that went too', async () => {
    app.remove('lib/deep');
    const { stderr } = await app.push();
    expect(stderr).toContain('2 deleted');
    await expectInStep();
    expect((await app.deployedTree()).has('lib/deep')).toBe(false);
  });

  it('a renamed file takes the old name away', async () => {
    renameSync(app.path('lib/one.txt'), app.path('lib/uno.txt'));
    await app.push();
    await expectInStep();
    expect([...(await app.deployedTree()).keys()]).not.toContain('lib/one.txt');
  });

  it('a folder in the place of a file, and a file in the place of a folder, swaps them', async () => {
    app.remove('greeting.txt');
    app.write('greeting.txt/inside', 'was a file');
    app.remove('lib');
    app.write('lib', 'was a folder');
    await app.push();
    await expectInStep();
    app.remove('greeting.txt');
    app.write('greeting.txt', 'a file again');
    app.remove('lib');
    app.write('lib/uno.txt', 'a folder again');
    await app.push();
    await expectInStep();
  });

  it('other permissions sends them', async () => {
    app.write('tool.sh', '#!/bin/sh\n');
    await app.push();
    app.chmod('tool.sh', 0o755);
    app.chmod('lib', 0o700);
    await app.push();
    expect(await app.exec('stat', '-c', '%a', 'tool.sh', 'lib')).toBe('755\n700');
    await expectInStep();
  });

  it('symbolic links sends them as links, wherever they lead', async () => {
    symlinkSync('greeting.txt', app.path('link'));
    symlinkSync('/etc/passwd', app.path('outside'));
    symlinkSync('nowhere', app.path('dangling'));
    symlinkSync('self', app.path('self'));
    await app.push();
    await expectInStep();
    expect(await app.exec('readlink', 'outside')).toBe('/etc/passwd');
  });

  it('links, and a large file, that the new image has already starts the app once', async () => {
    app.write('large.bin', randomBytes(5 << 20));
    await app.push('--force-build');
    await expectInStep();
    const { stdout } = await device.docker('inspect', '--format', '{{.State.FinishedAt}}', app.name);
    expect(stdout.trim()).toBe('0001-01-01T00:00:00Z');
    app.remove('large.bin');
    await app.push();
  });

  it('an empty folder makes it, and takes it away again', async () => {
    mkdirSync(app.path('empty'));
    await app.push();
    await expectInStep();
    rmdirSync(app.path('empty'));
    await app.push();
    await expectInStep();
  });
});

describe('ignored paths', () => {
  it('are not sent', async () => {
    app.write('node_modules/package/index.js', 'from the laptop');
    app.write('secret.txt', 'still never sent');
    app.write('greeting.txt', 'with company');
    await app.push();
    await expectInStep();
  });

  it('that the container has are neither updated nor deleted', async () => {
    await app.exec('sh', '-c', 'mkdir -p node_modules/native && echo arm > node_modules/native/build');
    await app.exec('sh', '-c', 'echo written by the app > secret.txt');
    app.remove('node_modules');
    app.remove('lib');
    app.write('greeting.txt', 'alone again');
    await app.push();
    expect(await app.exec('cat', 'node_modules/native/build', 'secret.txt')).toBe('arm\nwritten by the app');
  });

  it('that were once sent stay when they are ignored later', async () => {
    app.write('notes.md', 'sent');
    await app.push();
    app.write('.gitignore', 'secret.txt\nnotes.md\n');
    app.remove('notes.md');
    await app.push();
    expect(await app.exec('cat', 'notes.md')).toBe('sent');
  });

  it('that the app made itself stay, though nothing ignores them', async () => {
    await app.exec('sh', '-c', 'echo measured > measurements.csv');
    app.write('greeting.txt', 'last');
    app.remove('tool.sh');
    await app.push();
    expect(await app.exec('cat', 'measurements.csv')).toBe('measured');
  });
});

describe('.gitignore files', () => {
  it('go from folder to folder, and --skip-gitignore, which is remembered, sends what they keep back', async () => {
    using nested = new PushedApp(device, 'nested', {
      ...HELLO,
      '.dockerignore': '**/*.log\n',
      '.gitignore': '*.log\n',
      'lib/.gitignore': '!keep.log\n',
      'top.log': '',
      'lib/keep.log': 'kept',
      'lib/other.log': '',
      'lib/deep/keep.log': 'kept too',
      'beside/keep.log': '',
    });
    await nested.push();
    const keptBack = (path: string): boolean => /^(top|beside\/keep|lib\/other)\.log$/.test(path);
    expect(await nested.deployedTree()).toEqual(nested.localTree(keptBack));
    await nested.push('--skip-gitignore');
    await nested.expectInStep();
    expect(nested.projectFile()).toMatch(/^skip-gitignore: true$/m);
    nested.write('later.log', 'sent without the option');
    await nested.push();
    await nested.expectInStep();
  });
});
