import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commit } from '../../src/sync/commit.js';
import type { Owner } from '../../src/sync/deployment.js';
import { ExecStages } from '../../src/sync/stages.js';
import { WarmChannel } from '../../src/sync/warm-channel.js';
import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { HttpEngine } from '../../src/transport/docker/http-engine.js';
import { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import type { Container } from '../../src/transport/engine.js';
import { EngineError } from '../../src/transport/engine-error.js';
import { eventually } from '../testbed/eventually.js';
import { mustRun } from '../testbed/program.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { type CommitRig, commitContract, DESTINATIONS, type OpenWay } from './commit-contract.js';
import { type CommitWay, SyncedFolder } from './synced-folder.js';
import { WatchfulReader } from './watchful-reader.js';

let device: VirtualDevice;
let engine: HttpEngine;
let containers = 0;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'commit-contract',
    announce: false,
    images: ['busybox', 'gnu', 'scratch-app'],
  });
  engine = new HttpEngine(new EngineHttp(new TcpDialer(device.address, device.enginePort)));
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await device.down();
});

interface RigOptions {
  readonly image: 'busybox' | 'gnu' | 'scratch-app';
  /** Of `docker run`. */
  readonly flags?: readonly string[];
  readonly owner?: Owner;
  readonly way: (container: Container, destination: string) => Promise<OpenWay>;
}

async function rig({ image, flags = [], owner, way }: RigOptions): Promise<CommitRig> {
  const name = `app-${++containers}`;
  const command = image === 'scratch-app' ? [] : ['sh', '-c', 'while true; do sleep 1; done'];
  const run = ['run', '--detach', '--name', name, ...flags, image, ...command];
  await mustRun(['docker', '-H', `unix://${device.engineDoor}`, ...run]);
  const container = await engine.inspectContainer(name);
  if (container === undefined) throw new Error(`${name} is not there`);
  return {
    engine,
    container,
    owner: owner ?? { uid: 0, gid: 0 },
    canDelete: image !== 'scratch-app',
    open: (destination) => way(container, destination),
    [Symbol.asyncDispose]: () => engine.removeContainer(name, { removeAnonymousVolumes: true }),
  };
}

const wayOf = (way: CommitWay): Promise<OpenWay> =>
  Promise.resolve({ commit: way, [Symbol.asyncDispose]: () => Promise.resolve() });

const asPush: RigOptions['way'] = () => wayOf(commit);

const byScripts: RigOptions['way'] = (container) =>
  wayOf((request) => commit({ ...request, stages: new ExecStages({ ...request, engine, container }) }));

const warm: RigOptions['way'] = async (container, destination) => {
  const channel = WarmChannel.open(
    { engine, container, destination, compress: true },
    new AbortController().signal,
  );
  await eventually(() => channel.isWarm || channel.isCold, {
    what: 'warming up',
    withinMs: 10_000,
    everyMs: 2,
  });
  return {
    commit: (request) => channel.commit(request),
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
};

/** A volume below the folder of each test, where the contract puts most of its files. */
const volumes = Array.from({ length: 30 }, (_, n) => ['--volume', `${DESTINATIONS}/t${n}/many`]).flat();

commitContract('a push, to busybox', () => rig({ image: 'busybox', way: asPush }));
commitContract('a push, to an image without a shell', () => rig({ image: 'scratch-app', way: asPush }));
commitContract('a script each time, in busybox', () => rig({ image: 'busybox', way: byScripts }));
commitContract('a script each time, with GNU programs', () => rig({ image: 'gnu', way: byScripts }));
commitContract('the warm channel, in busybox', () => rig({ image: 'busybox', way: warm }));
commitContract('the warm channel, with GNU programs', () => rig({ image: 'gnu', way: warm }));
commitContract('the warm channel, without a shell', () => rig({ image: 'scratch-app', way: warm }));
commitContract('the warm channel, to several volumes', () =>
  rig({ image: 'busybox', flags: volumes, way: warm }),
);
commitContract('a push, to several volumes', () => rig({ image: 'busybox', flags: volumes, way: asPush }));
commitContract('the warm channel, where the app is not root', () =>
  rig({ image: 'busybox', flags: ['--user', '1000:1001'], owner: { uid: 1000, gid: 1001 }, way: warm }),
);

it.each([
  ['a push', asPush],
  ['a script each time', byScripts],
])('a commit by %s never shows half a file to a reader in the container', async (_name, way) => {
  await using app = await rig({ image: 'busybox', way });
  const { name } = app.container;
  const { commit: commitInto } = await app.open(DESTINATIONS);
  using folder = new SyncedFolder(engine, app.container, DESTINATIONS, commitInto);
  const sizeBytes = 200_000;
  folder.write('file', Buffer.alloc(sizeBytes, 'a'));
  await folder.sync();
  const reader = WatchfulReader.ofContent(device, name, `${DESTINATIONS}/file`, sizeBytes);
  for (let n = 1; n <= 60; n++) {
    folder.write('file', Buffer.alloc(sizeBytes, n % 2 === 0 ? 'a' : 'b'));
    for (let beside = 0; beside < n % 12; beside++) folder.write(`beside/${beside}`, `${n}`);
    expect(await folder.commit()).toMatchObject({ kind: 'committed' });
  }
  // The engine, and tar, take an old file away before they put the new one in its place.
  expect(await reader.seen()).toMatch(/^(missing\n)*\d+ reads\n$/);
  await folder.expectInStep();
});

it.each([
  ['a script each time', 'busybox', byScripts],
  ['a script each time', 'gnu', byScripts],
  ['the warm channel', 'busybox', warm],
] as const)(
  'a commit by %s, in %s, has none of 300 files missing at any moment',
  async (_name, image, way) => {
    await using app = await rig({ image, way });
    const { commit: commitInto } = await app.open(DESTINATIONS);
    using folder = new SyncedFolder(engine, app.container, DESTINATIONS, commitInto);
    const write = (round: number): void => {
      for (let n = 1; n <= 290; n++) folder.write(`many/${n}`, `${round}`);
      for (let n = 291; n <= 300; n++) {
        if (round > 0) folder.remove(`many/${n}`);
        folder.link(`many/${n}`, `${round}`);
      }
    };
    write(0);
    await folder.sync();
    const reader = WatchfulReader.ofNames(device, app.container.name, `${DESTINATIONS}/many`, 300);
    for (let round = 1; round <= 10; round++) {
      write(round);
      expect(await folder.commit()).toMatchObject({ kind: 'committed' });
    }
    expect(await reader.seen()).toMatch(/^\d+ looks\n$/);
    await folder.expectInStep();
  },
);

const SCRIPT_WAYS = [
  ['a script each time', byScripts],
  ['the warm channel', warm],
] as const;

/** By a shell of the container, as root. */
const inside = ({ name }: Container, script: string): Promise<string> =>
  mustRun(['docker', '-H', `unix://${device.engineDoor}`, 'exec', name, 'sh', '-c', script]);

describe.each(SCRIPT_WAYS)('a commit by %s', (_name, way) => {
  /** A tmpfs of the app's at `deep/mounted`, with a file of its own in it. */
  const mounted = async (app: CommitRig, folder: SyncedFolder): Promise<string> => {
    folder.write('deep/mounted/here/file', '1');
    folder.write('elsewhere/file', '1');
    await folder.sync();
    const there = `${DESTINATIONS}/deep/mounted`;
    const mount = `mount -t tmpfs none ${there} && mkdir ${there}/here && echo app >${there}/here/file`;
    await inside(app.container, mount);
    folder.write('elsewhere/file', '2');
    expect(await folder.commit()).toMatchObject({ kind: 'committed' });
    return `cat ${there}/here/file ${DESTINATIONS}/elsewhere/file`;
  };

  it.each([
    ['puts nothing on', (folder: SyncedFolder, path: string) => folder.write(path, '22')],
    ['takes nothing from', (folder: SyncedFolder, path: string) => folder.remove(path)],
  ])('%s a file system that the app has mounted, when it is restarted', async (_does, change) => {
    await using app = await rig({ image: 'busybox', flags: ['--privileged'], way });
    await using opened = await app.open(DESTINATIONS);
    const restarting: CommitWay = (request) => opened.commit({ ...request, restarts: true });
    using folder = new SyncedFolder(engine, app.container, DESTINATIONS, restarting);
    const look = await mounted(app, folder);
    change(folder, 'deep/mounted/here/file');
    folder.write('elsewhere/file', '3');
    await expect(folder.commit()).rejects.toThrow(
      './deep/mounted is on a file system that the app has mounted',
    );
    expect(await inside(app.container, look)).toBe('app\n2');
  });

  it('fills a file system that the app has mounted, when it is not restarted', async () => {
    await using app = await rig({ image: 'busybox', flags: ['--privileged'], way });
    await using opened = await app.open(DESTINATIONS);
    using folder = new SyncedFolder(engine, app.container, DESTINATIONS, opened.commit);
    const look = await mounted(app, folder);
    folder.write('deep/mounted/here/file', '22');
    expect(await folder.commit()).toMatchObject({ kind: 'committed' });
    expect(await inside(app.container, look)).toBe('222');
  });

  it('finds the shell of a container whose programs are looked for in the folder at hand', async () => {
    const flags = ['--env', 'PATH=./bin:.:/bin', '--workdir', '/tmp'];
    await using app = await rig({ image: 'busybox', flags, way });
    await using opened = await app.open(DESTINATIONS);
    using folder = new SyncedFolder(engine, app.container, DESTINATIONS, opened.commit);
    folder.write('a', '1');
    await folder.sync();
    folder.remove('a');
    expect(await folder.commit()).toMatchObject({ kind: 'committed' });
    await folder.expectInStep();
  });
});

it('a push whose container ends after a folder made way for a file is carried out once more', async () => {
  await using app = await rig({ image: 'busybox', way: asPush });
  let programs = 0;
  const ending: HttpEngine = Object.assign(Object.create(engine) as HttpEngine, {
    exec: (...args: Parameters<HttpEngine['exec']>) => {
      if (++programs === 2) throw new EngineError(409, 'is restarting, wait until the container is running');
      return engine.exec(...args);
    },
  });
  using folder = new SyncedFolder(ending, app.container, `${DESTINATIONS}/ending`, commit);
  folder.write('x/a.txt', 'in a folder');
  await folder.sync();
  folder.remove('x');
  folder.write('x', 'a file');
  await folder.sync();
  // One to ask what is there, or to let the folder make way, and both stages once more.
  expect(programs).toBe(4);
});
