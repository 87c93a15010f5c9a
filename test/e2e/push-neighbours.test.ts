import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomBytes } from 'node:crypto';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';
import type { RunningRdt } from './rdt.js';

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'push-neighbours',
    announce: false,
    images: ['busybox'],
    link: { roundTripMs: 2, megabitPerSecond: 8 },
  });
});
afterAll(() => device.down());

/** Containers and images, each with its name, its id and whether it runs. */
async function everything(): Promise<string[]> {
  const containers = await device.docker(
    'ps',
    '--all',
    '--no-trunc',
    '--format',
    '{{.Names}} {{.ID}} {{.State}}',
  );
  const images = await device.docker('images', '--no-trunc', '--format', '{{.Repository}} {{.ID}}');
  return `${containers.stdout}${images.stdout}`.split('\n').sort();
}

async function untilLocked(app: PushedApp): Promise<void> {
  await eventually(
    async () => (await device.docker('volume', 'ls', '-q')).stdout.includes(`rdt-lock.${app.name}.`),
    {
      what: 'the lock',
      withinMs: 20_000,
      everyMs: 10,
    },
  );
}

describe('two pushes of one app at once', () => {
  let app: PushedApp;

  beforeAll(async () => {
    app = new PushedApp(device, 'contested', { ...HELLO, '.dockerignore': 'large\n' });
    await app.push();
  });
  afterAll(() => app[Symbol.dispose]());

  const expectRefused = async (second: RunningRdt, first: RunningRdt): Promise<void> => {
    const { exitCode, stderr, durationMs } = await second.ended();
    expect(exitCode, stderr).toBe(8);
    expect(stderr).toContain('rdt: contested is being pushed by root@');
    expect(stderr).toContain(`(pid ${first.child.pid ?? ''})`);
    expect(durationMs).toBeLessThan(8000);
  };

  it('while one builds, the other is told who holds the app, and the first goes on', async () => {
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}RUN echo building; sleep 4\n`);
    const first = app.startPush();
    await first.until(/ {2}building/);
    await expectRefused(app.startPush(), first);
    expect((await first.ended()).exitCode).toBe(0);
    await app.expectInStep();
    expect(await app.leftovers()).toEqual([]);
  });

  it('while one sends a lot, the other is told too, though the engine answers nothing about the container', async () => {
    app.write('large', randomBytes(14 << 20));
    const first = app.rdt.start(['push', device.linkAddress, '--app-name', 'contested', '--skip-logs'], {
      cwd: app.folder,
    });
    await untilLocked(app);
    await expectRefused(app.startPush(), first);
    expect((await first.ended()).exitCode).toBe(0);
    await app.expectInStep();
  });

  it('from two machines take turns without losing a file', async () => {
    using other = new PushedApp(device, 'contested', { ...HELLO, 'mine.txt': 'from the other machine' });
    app.remove('large');
    app.write('Dockerfile', HELLO['Dockerfile'] ?? '');
    await app.push();
    await other.push();
    expect(await app.exec('cat', 'mine.txt')).toBe('from the other machine');
    app.write('yours.txt', 'from the first machine');
    const notice = 'contested was last synced by another push; what it holds is compared with this folder';
    expect((await app.push()).stderr).toContain(notice);
    app.write('yours.txt', 'once more');
    expect((await app.push()).stderr).not.toContain(notice);
    app.write('yours.txt', 'from the first machine');
    await app.push();
    expect(await app.exec('cat', 'yours.txt')).toBe('from the first machine');
    other.write('mine.txt', 'again');
    await other.push();
    expect(await app.exec('cat', 'mine.txt')).toBe('again');
  });

  it('are not kept out by what an engine leaves that was ended while it made a lock: a volume without labels', async () => {
    await device.docker('volume', 'create', 'rdt-lock.contested.1');
    app.write('after.txt', 'sent');
    await app.push();
    expect(await app.exec('cat', 'after.txt')).toBe('sent');
    expect(await app.leftovers()).toEqual([]);
  });

  it('of different apps do not wait for each other', async () => {
    using other = new PushedApp(device, 'uncontested', HELLO);
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}RUN echo sleeping; sleep 6\n`);
    const first = app.startPush();
    await first.until(/sleeping/);
    await other.push();
    expect((await first.ended()).exitCode).toBe(0);
  });
});

describe('what rdt did not make is never touched', () => {
  it('a running container of the same name', async () => {
    await device.docker('run', '--detach', '--name', 'stranger', 'busybox', 'sleep', '1000');
    using app = new PushedApp(device, 'stranger', HELLO);
    const before = await everything();
    const { exitCode, stderr } = await app.tryPush('--force-build');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('rdt: the device has a container stranger that rdt did not make\n');
    expect(stderr).toContain('choose another --app-name');
    expect(await everything()).toEqual(before);
    expect(await app.leftovers()).toEqual([]);
  });

  it('a container that somebody runs from its own image under its name', async () => {
    using app = new PushedApp(device, 'own-image', HELLO);
    await app.push();
    await app.docker('rm', '--force', 'own-image');
    await app.docker(
      'run',
      '--detach',
      '--name',
      'own-image',
      '--label',
      'owner=me',
      'own-image',
      'sleep',
      '1000',
    );
    const before = await app.state();
    const { exitCode, stderr } = await app.tryPush('--force-build');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('rdt: the device has a container own-image that rdt did not make\n');
    expect(await app.state()).toEqual(before);
  });

  it('an image that somebody made of its container, and what runs from it', async () => {
    using app = new PushedApp(device, 'committed', HELLO);
    await app.push();
    const snapshot = await app.docker('commit', 'committed', 'committed:latest');
    const asImage = await app.tryPush('--force-build');
    expect(asImage.exitCode).toBe(1);
    expect(asImage.stderr).toContain('rdt: the device has an image committed that rdt did not build\n');
    await app.docker('tag', 'committed', 'restored');
    await app.docker('rm', '--force', 'committed');
    await app.docker('rmi', 'committed:latest');
    await app.docker('run', '--detach', '--name', 'committed', 'restored', 'sleep', '1000');
    const before = await app.state();
    const asContainer = await app.tryPush('--force-build');
    expect(asContainer.exitCode).toBe(1);
    expect(asContainer.stderr).toContain('rdt: the device has a container committed that rdt did not make\n');
    expect(await app.state()).toEqual(before);
    expect(await app.docker('inspect', '--format', '{{.Id}}', 'restored')).toBe(snapshot);
  });

  it('an image of its container that the app is then built from', async () => {
    using app = new PushedApp(device, 'based', HELLO);
    await app.push();
    await app.docker('commit', 'based', 'my-base');
    app.write('Dockerfile', (HELLO['Dockerfile'] ?? '').replace('FROM busybox', 'FROM my-base'));
    await app.push();
    await app.push('--force-build');
    await app.expectInStep();
  });

  it('an image of the same name', async () => {
    await device.docker('tag', 'busybox', 'strange-image');
    using app = new PushedApp(device, 'strange-image', HELLO);
    const before = await everything();
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('rdt: the device has an image strange-image that rdt did not build\n');
    expect(await everything()).toEqual(before);
  });

  for (const suffix of ['next', 'previous']) {
    it(`a container with the name that a push needs for a moment: .rdt-${suffix}`, async () => {
      using app = new PushedApp(device, `taken-${suffix}`, HELLO);
      await app.push();
      const { id } = await app.state();
      const foreign = `taken-${suffix}.rdt-${suffix}`;
      await device.docker('run', '--detach', '--name', foreign, 'busybox', 'sleep', '1000');
      const { exitCode, stderr } = await app.tryPush('--force-build');
      expect(exitCode, stderr).toBe(1);
      expect(stderr).toContain(`rdt: the device has a container ${foreign} that rdt did not make\n`);
      expect(await app.state()).toMatchObject({ id, running: true });
      expect(await app.docker('inspect', '--format', '{{.State.Running}}', foreign)).toBe('true');
      await device.docker('rm', '--force', foreign);
    });
  }

  it('the image that an app was built from, other apps, and images without a name', async () => {
    using app = new PushedApp(device, 'tidy', HELLO);
    await device.docker('run', '--detach', '--name', 'bystander', 'busybox', 'sleep', '1000');
    const bystanders = (await everything()).filter((line) => !/^(tidy|<none>) /.test(line));
    await app.push();
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL again=yes\n`);
    await app.push();
    expect((await everything()).filter((line) => !/^(tidy|<none>) /.test(line))).toEqual(bystanders);
  });

  it('images that people have made of its own, with a name or without one, and its own under other tags', async () => {
    using app = new PushedApp(device, 'parent', HELLO);
    await app.push();
    const { image } = await app.state();
    await app.docker('tag', 'parent', 'parent:good');
    const made = [
      image,
      await app.docker('commit', 'parent'),
      await app.docker('commit', 'parent', 'snapshot'),
      await app.docker('commit', 'parent', 'parent:snapshot'),
    ];
    app.write('Dockerfile', `${HELLO['Dockerfile'] ?? ''}LABEL again=yes\n`);
    await app.push();
    expect((await app.state()).image).not.toBe(image);
    const there = (await app.docker('images', '--all', '--no-trunc', '--quiet')).split('\n');
    expect(there).toEqual(expect.arrayContaining(made));
    expect(await app.docker('inspect', '--format', '{{.Id}}', 'parent:good')).toBe(image);
  });
});
