import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';

let device: VirtualDevice;
let app: PushedApp;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-triggers', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'triggers', { ...HELLO, 'settings.json': '{}' });
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

/** A new image, and a new container of it, with nothing left of the old ones. */
async function expectRebuilt(before: { id: string; image: string }): Promise<void> {
  const after = await app.state();
  expect(after.running).toBe(true);
  expect(after.id).not.toBe(before.id);
  expect(after.image).not.toBe(before.image);
  const label = 'label=io.resin.rdt.app=triggers';
  const images = await app.docker('images', '--all', '--no-trunc', '--quiet', '--filter', label);
  expect(images).toContain(after.image);
  expect(images).not.toContain(before.image);
  expect(await app.leftovers()).toEqual([]);
  await app.expectInStep();
}

describe('a build trigger', () => {
  beforeAll(() => app.push('--build-triggers', 'settings.json,later.txt'));

  it('that changed calls for a build', async () => {
    const before = await app.state();
    app.write('settings.json', '{"a":1}');
    expect((await app.push()).stderr).toContain('building triggers: settings.json changed\n');
    await expectRebuilt(before);
  });

  it('that is there without being named is the Dockerfile', async () => {
    const before = await app.state();
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL edited=yes\n`);
    expect((await app.push()).stderr).toContain('building triggers: Dockerfile changed\n');
    await expectRebuilt(before);
  });

  it('that appears calls for a build', async () => {
    const before = await app.state();
    app.write('later.txt', 'here');
    app.write('package.json', '{}');
    expect((await app.push()).stderr).toContain('building triggers: package.json is new; later.txt is new\n');
    await expectRebuilt(before);
  });

  it('that vanishes calls for a build', async () => {
    const before = await app.state();
    app.remove('later.txt');
    expect((await app.push()).stderr).toContain('building triggers: later.txt is gone\n');
    await expectRebuilt(before);
  });

  it('that is put back together with the project file, as by git checkout, calls for a build', async () => {
    const [dockerfile, file] = [HELLO['Dockerfile'] ?? '', app.projectFile()];
    const edited = readFileSync(app.path('Dockerfile'), 'utf8');
    app.write('Dockerfile', dockerfile.replace('COPY', 'RUN echo v2 > /installed\nCOPY'));
    await app.push();
    expect(await app.exec('cat', '/installed')).toBe('v2');
    const before = await app.state();
    app.write('Dockerfile', edited);
    app.write('.resin-sync.yml', file);
    expect((await app.push()).stderr).toContain(
      'building triggers: Dockerfile is not the one that the app on the device was built from\n',
    );
    expect(await app.exec('ls', '/')).not.toContain('installed');
    await expectRebuilt(before);
  });

  it('that is as it was calls for nothing', async () => {
    const before = await app.state();
    app.write('settings.json', '{"a":1}');
    await app.push();
    expect(await app.state()).toEqual(before);
  });
});

describe('a new container', () => {
  it('is made for another environment, which is kept for later pushes', async () => {
    const before = await app.state();
    await app.push('--env', 'GREETING=hello there', '-e', 'EMPTY=');
    const after = await app.state();
    expect(after.id).not.toBe(before.id);
    expect(await app.exec('env')).toMatch(/^GREETING=hello there\n(.*\n)*EMPTY=$/m);
    await app.push();
    expect(await app.state()).toEqual(after);
  });

  it('is made by --force-build', async () => {
    const before = await app.state();
    expect((await app.push('--force-build')).stderr).toContain('--force-build was given');
    expect((await app.state()).id).not.toBe(before.id);
  });
});

describe('--dry-run', () => {
  it('prints what a sync would send, delete and restart, and touches nothing', async () => {
    app.write('doomed.txt', '');
    await app.push();
    const [before, file] = [await app.state(), app.projectFile()];
    app.write('new file.txt', 'x');
    app.remove('doomed.txt');
    app.write('.resin-sync.yml', `${file}before: touch ran\nafter: touch ran\n`);
    const { stdout } = await app.push('--dry-run');
    expect(stdout).toBe(
      'syncing triggers: no build trigger changed\n  send   new file.txt\n  delete doomed.txt\napp: restart\n',
    );
    expect(await app.state()).toEqual(before);
    expect((await app.deployedTree()).has('doomed.txt')).toBe(true);
    expect(() => statSync(app.path('ran'))).toThrow('ENOENT');
    expect(app.projectFile()).toBe(`${file}before: touch ran\nafter: touch ran\n`);
    app.write('.resin-sync.yml', file);
  });

  it('prints why it would build, and builds nothing', async () => {
    const [before, file] = [await app.state(), app.projectFile()];
    app.write('settings.json', '{"a":2}');
    const { stdout } = await app.push('--dry-run', '--env', 'GREETING=none');
    expect(stdout).toContain(
      'building triggers: settings.json changed; the container triggers was made with other settings\n',
    );
    expect(stdout).toContain('app: replace container\n');
    expect(await app.state()).toEqual(before);
    expect(app.projectFile()).toBe(file);
  });

  it('in a folder that was never pushed says what a first push would do', async () => {
    using fresh = new PushedApp(device, 'never-pushed');
    const { stdout } = await fresh.push('--dry-run');
    expect(stdout).toContain('building never-pushed');
    expect(stdout).toContain('app: create and start\n');
    expect((await device.docker('inspect', 'never-pushed')).exitCode).not.toBe(0);
    expect(() => fresh.projectFile()).toThrow('ENOENT');
  });
});

describe('options', () => {
  it('--json prints one JSON object a line on stdout, with the plan, the build and the end', async () => {
    const { stdout } = await app.push('--json');
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    const types = new Set(events.map(({ type }) => type));
    expect([...types]).toEqual(expect.arrayContaining(['device', 'decision', 'build', 'starting', 'done']));
    expect(events.at(-1)).toMatchObject({ type: 'done', result: { action: 'build', app: 'triggers' } });
  });

  it('--source pushes another folder than the current one, with its triggers and its project file', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'rdt-elsewhere-'));
    using other = new PushedApp(device, 'other', HELLO);
    const push = () =>
      other.rdt.run(
        [
          'push',
          device.address,
          '--app-name',
          'other',
          '--skip-logs',
          '--source',
          `../${basename(other.folder)}`,
        ],
        { cwd: elsewhere },
      );
    expect(dirname(elsewhere)).toBe(dirname(other.folder));
    expect(await push()).toMatchObject({ exitCode: 0 });
    expect(other.projectFile()).toContain('Dockerfile: ');
    other.write('greeting.txt', 'hi');
    const second = await push();
    expect(second.stderr).toContain('other synced');
    await other.expectInStep();
    rmSync(elsewhere, { recursive: true });
  });
});
