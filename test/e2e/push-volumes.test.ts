import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';
import { WatchedApp } from './watched-app.js';

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'push-volumes',
    announce: false,
    images: ['busybox', 'scratch-app'],
  });
});
afterAll(() => device.down());

const withLine = (line: string): Record<string, string> => ({
  ...HELLO,
  Dockerfile: (HELLO['Dockerfile'] ?? '').replace('CMD', `${line}\nCMD`),
});
const withVolumes = (...volumes: string[]): string =>
  `local_resinos:\n  volumes:\n${volumes.map((volume) => `    - ${volume}\n`).join('')}`;

const volumeAt = (app: PushedApp, path: string): Promise<string> =>
  app.inspect(`{{range .Mounts}}{{if eq .Destination "${path}"}}{{.Name}}{{end}}{{end}}`);

it('what the app itself has mounted below the destination is filled when the container is asked', async () => {
  const mounting = 'mkdir -p own && mount -t tmpfs none own && exec sleep 9999';
  const Dockerfile = `FROM busybox\nWORKDIR /usr/src/app\nCMD ["sh", "-c", "${mounting}"]\n`;
  using app = new PushedApp(device, 'mounting', { Dockerfile, 'own/a': 'a', b: 'b' });
  await app.push();
  app.write('own/c', 'c');
  await app.push('--restart', 'none', '--verify');
  expect(await app.exec('cat', 'own/a', 'own/c')).toBe('ac');
  expect((await app.push('--restart', 'none', '--verify')).stderr).toContain('up to date');
});

describe('a volume that the image asks for', () => {
  it('keeps its data over any number of builds, and is one volume for all of them', async () => {
    using app = new PushedApp(device, 'keeper', withLine('VOLUME /store'));
    await app.push();
    await app.exec('sh', '-c', 'echo precious > /store/data');
    const volumes = (): Promise<string> => app.docker('volume', 'ls', '--quiet');
    const before = await volumes();
    for (const build of [1, 2, 3]) {
      app.write('Dockerfile', `${withLine('VOLUME /store')['Dockerfile'] ?? ''}LABEL build=${build}\n`);
      await app.push();
      expect(await app.exec('cat', '/store/data')).toBe('precious');
    }
    expect(await volumes()).toBe(before);
  });

  it('at the destination keeps what it holds, which is told, until its container is removed', async () => {
    const files = (built: string) => ({
      ...HELLO,
      Dockerfile: `FROM busybox\nRUN mkdir -p /usr/src/app/deps && echo ${built} > /usr/src/app/deps/built\nVOLUME /usr/src/app/deps /store\nCMD ["sleep", "9999"]\n`,
    });
    using app = new PushedApp(device, 'hidden-deps', files('first'));
    expect((await app.push()).stderr).not.toContain('is a volume');
    const built = (): Promise<string> => app.exec('cat', '/usr/src/app/deps/built');
    app.write('Dockerfile', files('second').Dockerfile);
    const { stderr } = await app.push();
    expect(stderr.split('\n').filter((line) => line.includes('is a volume'))).toEqual([
      'warning: /usr/src/app/deps is a volume and keeps what it holds; what the new image has there is not used',
    ]);
    expect(await built()).toBe('first');
    expect((await app.push('--force-build')).stderr).not.toContain('is a volume');
    await app.docker('rm', '-f', '-v', 'hidden-deps');
    await app.push();
    expect(await built()).toBe('second');
  });

  it('keeps its data when the new app fails and the old one comes back', async () => {
    using app = new PushedApp(device, 'survivor', withLine('VOLUME /store'));
    await app.push();
    await app.exec('sh', '-c', 'echo precious > /store/data');
    app.write(
      'Dockerfile',
      'FROM busybox\nVOLUME /store\nCMD ["sh", "-c", "echo spoilt > /store/new; exit 1"]\n',
    );
    expect((await app.tryPush()).exitCode).toBe(6);
    expect(await app.exec('cat', '/store/data')).toBe('precious');
  });

  it('is not there any more when the Dockerfile does not ask for it, and its folder can become a file', async () => {
    using app = new PushedApp(device, 'asked-no-more', {
      ...withLine('VOLUME /usr/src/app/sub'),
      'sub/x': 'x',
    });
    await app.push();
    app.remove('sub');
    app.write('sub', 'a file');
    const { stderr, exitCode } = await app.tryPush();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('or take /usr/src/app/sub from `VOLUME` in the Dockerfile');
    app.write('Dockerfile', HELLO['Dockerfile'] ?? '');
    await app.push();
    expect(await app.exec('cat', '/usr/src/app/sub')).toBe('a file');
    expect(await app.inspect('{{range .Mounts}}{{.Type}} {{end}}')).not.toContain('volume');
  });

  it('gives way to one of the project file at the same place, and is kept with what it holds', async () => {
    using app = new PushedApp(device, 'giver', withLine('VOLUME /store'));
    await app.push();
    await app.exec('sh', '-c', 'echo precious > /store/data');
    const volume = await volumeAt(app, '/store');
    app.write('.resin-sync.yml', `${withVolumes('named:/store')}  app-name: giver\n`);
    expect((await app.push()).stderr).toContain(`docker volume rm ${volume}`);
    expect(await app.inspect('{{range .Mounts}}{{.Name}}:{{.Destination}} {{end}}')).toBe('named:/store');
    expect(await app.docker('run', '--rm', '-v', `${volume}:/kept`, 'busybox', 'cat', '/kept/data')).toBe(
      'precious',
    );
  });

  it('is kept when the old container is all that is left of an app that was removed by hand', async () => {
    using app = new PushedApp(device, 'widow', withLine('VOLUME /store'));
    await app.push();
    await app.exec('sh', '-c', 'echo precious > /store/data');
    const volume = await volumeAt(app, '/store');
    const { id } = await app.state();
    await app.docker('stop', app.name);
    await app.docker('rename', app.name, `${app.name}.rdt-old-${id.slice(0, 12)}`);
    expect((await app.push()).stderr).toContain(`docker volume rm ${volume}`);
    expect(await app.docker('run', '--rm', '-v', `${volume}:/kept`, 'busybox', 'cat', '/kept/data')).toBe(
      'precious',
    );
    expect(await app.leftovers()).toEqual([]);
  });

  it('was handed on, and outlives both a new container that was never started and the old one', async () => {
    using app = new PushedApp(device, 'heir', withLine('VOLUME /store'));
    await app.push();
    await app.push('--force-build');
    const volume = await volumeAt(app, '/store');
    // As a push leaves it that is killed before the switch.
    await app.docker('stop', app.name);
    await app.docker('rename', app.name, `${app.name}.rdt-next`);
    await app.push();
    expect(await app.docker('volume', 'ls', '--quiet')).toContain(volume);
  });
});

describe('a volume that is met by a link in the destination', () => {
  const files = (links: string, ...options: string[]): Record<string, string> => ({
    Dockerfile: `FROM busybox\nRUN ${links}\nCMD ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"]\n`,
    'data/x': 'x',
    'data/y': 'y',
    '.resin-sync.yml': options.join(''),
  });

  it.each([
    ['the destination itself', 'mkdir -p /srv/app && ln -s /srv/app /app', '/app'],
    ['a folder above it', 'mkdir -p /srv/in && ln -s srv /far && ln -s /far/in /near', '/near/app'],
  ])('as %s is one, gets its files in a commit of its own', async (_what, links, destination) => {
    const place = destination === '/app' ? '/srv/app' : '/srv/in/app';
    const name = `linked-${destination.slice(1).replace('/', '-')}`;
    const yml = withVolumes(`${name}:${place}/data`);
    using app = new PushedApp(device, name, files(links, `destination: ${destination}\n`, yml));
    const held = () => app.deployedTree(place);
    await app.push();
    expect(await held()).toEqual(app.localTree());
    app.write('data/x', 'edited');
    app.write('data/deep/new', 'new');
    app.write('beside', 'beside');
    await app.push();
    expect(await held()).toEqual(app.localTree());
    app.write('data/y', 'edited as well');
    app.remove('data/x');
    await app.push();
    expect(await held()).toEqual(app.localTree());
    expect((await app.push()).stderr).toContain('up to date');
    expect(await app.leftovers()).toEqual([]);
  });

  it('loses what left the folder before a build', async () => {
    const yml = withVolumes('linked-whole:/data');
    using app = new PushedApp(device, 'linked-whole', files('ln -s /data /app', 'destination: /app\n', yml));
    await app.push();
    app.remove('data/x');
    app.write('Dockerfile', `${files('ln -s /data /app')['Dockerfile'] ?? ''}LABEL build=2\n`);
    await app.push();
    expect(await app.deployedTree('/data')).toEqual(app.localTree());
  });

  it('is kept in step by a watch', async () => {
    const yml = withVolumes('linked-watch:/srv/app/data');
    const links = 'mkdir -p /srv/app && ln -s /srv/app /app';
    await using app = new WatchedApp(device, 'linked-watch', files(links, 'destination: /app\n', yml));
    await app.watch();
    for (const content of ['saved', 'saved again']) {
      await app.andThen('batch', () => app.write('data/x', content));
      expect(await app.deployedTree('/srv/app')).toEqual(app.localTree());
    }
    await app.andThen('batch', () => app.remove('data/y'));
    expect(await app.deployedTree('/srv/app')).toEqual(app.localTree());
  });
});

describe('a volume of the project file', () => {
  it('at the destination gets the files, and keeps them for the next container', async () => {
    using app = new PushedApp(device, 'on-volume', {
      ...HELLO,
      '.resin-sync.yml': withVolumes('source-code:/usr/src/app'),
    });
    await app.push();
    await app.expectInStep();
    app.write('greeting.txt', 'hi');
    app.write('old.txt', '');
    await app.push();
    app.remove('old.txt');
    await app.push();
    await app.expectInStep();
    app.remove('greeting.txt');
    await app.push('--force-build');
    await app.expectInStep();
  });

  it('inside the destination gets its files in a commit of its own', async () => {
    using app = new PushedApp(device, 'nested', {
      ...HELLO,
      'data/seed.txt': 'seed',
      'data/old.txt': '',
      '.resin-sync.yml': withVolumes('nested-data:/usr/src/app/data'),
    });
    await app.push();
    await app.expectInStep();
    app.write('data/seed.txt', 'edited');
    app.write('data/deep/more.txt', 'more');
    app.write('greeting.txt', 'beside');
    await app.push();
    await app.expectInStep();
    app.remove('data/old.txt');
    app.remove('data/deep');
    await app.push();
    await app.expectInStep();
    expect(await app.leftovers()).toEqual([]);
  });

  it('that is read-only at the destination is an error that names it', async () => {
    using app = new PushedApp(device, 'read-only', {
      Dockerfile: 'FROM busybox\nCOPY main.sh /\nCMD ["sh", "/main.sh"]\n',
      'main.sh': HELLO['main.sh'] ?? '',
      '.resin-sync.yml': withVolumes('some-data:/usr/src/app:ro'),
    });
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toContain('rdt: /usr/src/app in the container is a volume that is mounted read-only\n');
    expect(await app.leftovers()).toEqual([]);
  });

  it('that is read-only inside the destination, with files of the project, is an error that names it', async () => {
    using app = new PushedApp(device, 'read-only-inside', {
      ...HELLO,
      'data/seed.txt': 'seed',
      '.resin-sync.yml': withVolumes('inside-data:/usr/src/app/data:ro'),
    });
    await app.push();
    app.write('data/seed.txt', 'edited');
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toContain(
      'rdt: /usr/src/app/data in the container is a volume that is mounted read-only\n',
    );
  });

  it('in a container without a shell gets the files too', async () => {
    using app = new PushedApp(device, 'blind-volume', {
      Dockerfile: 'FROM scratch-app\nCOPY . /usr/src/app/\n',
      message: 'from the folder',
      'data/seed.txt': 'seed',
      '.resin-sync.yml': withVolumes('blind-data:/usr/src/app/data'),
    });
    await app.push();
    await app.untilLogged('from the folder');
    await app.expectInStep();
    app.write('data/seed.txt', 'edited');
    await app.push();
    await app.expectInStep();
  });
});
