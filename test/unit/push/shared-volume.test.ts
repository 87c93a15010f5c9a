import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuildRequest } from '../../../src/build/image-builder.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushEvent, PushResult } from '../../../src/push/push-event.js';
import { LIST_SCRIPT } from '../../../src/sync/container-script.js';
import type { Deployment } from '../../../src/sync/deployment.js';
import { readToken } from '../../../src/sync/state-token.js';
import { type FakeProcess, runUntilKilled } from '../../contract/fake-process.js';
import { playStages } from '../../contract/fake-stages.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { listFiles } from './list-files.js';
import { onePush, type OnePush } from './one-push.js';
import { VolumeEngine } from './volume-engine.js';

const APP = 'app';
const DESTINATION = '/usr/src/app';
const FILE = 'data/new.txt';

let source: string;
let engine: VolumeEngine;
let store: MemoryDeployments;
let events: PushEvent[];
/** Where the volume is mounted in the container; undefined for none. */
let mountPoint: string | undefined;
let mountOptions: readonly string[];
let ignore: readonly string[];
/** Called when a container has told what it holds. */
let onListed: () => void;

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-volume-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  mkdirSync(join(source, 'data'));
  writeFileSync(join(source, 'data/old.txt'), 'old');
  store = new MemoryDeployments();
  events = [];
  mountOptions = [];
  ignore = [];
  onListed = () => undefined;
  engine = new VolumeEngine(play);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

function play(process: FakeProcess): Promise<number> | undefined {
  const [program, , script] = process.argv;
  if (program === 'main') return isBroken(process) ? Promise.resolve(7) : runUntilKilled(process.killed);
  if (program === 'broken') return failWhenFilled(process);
  return script === LIST_SCRIPT ? listFiles(process).finally(() => onListed()) : playStages(process);
}

const isBroken = ({ files }: FakeProcess): boolean => files.read(`${DESTINATION}/data/main.js`) === 'broken';

/** Ends when all of the folder has arrived. */
async function failWhenFilled({ files }: FakeProcess): Promise<number> {
  while (files.read(`${DESTINATION}/complete`) === undefined) await delay(5);
  return 7;
}

const settings = () => {
  const volumes =
    mountPoint === undefined ? [] : [{ source: 'p1data', target: mountPoint, options: mountOptions }];
  return resolveSettings({}, { appName: APP, volumes, ignore }, defaultSettings, { source });
};

const pushed = (options: Partial<OnePush> = {}): Promise<PushResult['action']> =>
  onePush({ settings: settings(), engine, store, emit: (event) => events.push(event), ...options });

/** The new app runs that program. */
function built(program: string, duringBuild: () => void = () => undefined): Promise<PushResult['action']> {
  const build = async ({ openContext }: ImageBuildRequest) => {
    await buffer(openContext());
    duringBuild();
    const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: [program] });
    return { type: 'built', imageId: id, builder: 'buildkit' } as const;
  };
  return pushed({ builder: { build }, forceBuild: true });
}

/** An app whose container holds what the folder holds. */
async function startApp(): Promise<void> {
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
  await pushed();
}

/** A new version that is sent whole to its container, and fails. */
async function failingBuild(): Promise<void> {
  writeFileSync(join(source, 'complete'), '');
  await failing();
}

async function failing(): Promise<void> {
  await expect(built('broken')).rejects.toThrow(/ended with exit code 7/);
  rmSync(join(source, 'complete'));
}

const write = (path: string, content: string): void => writeFileSync(join(source, path), content);
const remove = (path: string): void => rmSync(join(source, path));
const there = (path: string): string | undefined =>
  engine.container(APP).files.read(`${DESTINATION}/${path}`);
const rolledBack = (): PushEvent[] => events.filter(({ type }) => type === 'rolled-back');

const deploymentOfApp = async (): Promise<Deployment> => {
  const deployment = await store.load(engine.container(APP).id);
  if (deployment === undefined) throw new Error('nothing is noted of the app');
  return deployment;
};

describe.each([DESTINATION, `${DESTINATION}/data`])('a volume at %s', (point) => {
  beforeEach(async () => {
    mountPoint = point;
    await startApp();
  });

  it.each([
    ['synced', () => pushed()],
    ['built', () => built('main')],
  ])('loses what a version that failed has left, when it has gone and the app is %s', async (_, next) => {
    write(FILE, 'new');
    await failingBuild();
    expect(there(FILE)).toBe('new');
    remove(FILE);
    await next();
    expect(there(FILE)).toBeUndefined();
    expect(there('data/old.txt')).toBe('old');
  });

  it('loses what a version that failed was sent while another file was being written', async () => {
    write('log.txt', 'long');
    await pushed();
    write('log.txt', 'longer');
    onListed = () => write('log.txt', '');
    const putArchive = engine.putArchive.bind(engine);
    engine.putArchive = async (...request) => {
      onListed = () => undefined;
      engine.putArchive = putArchive;
      await putArchive(...request);
      write('log.txt', 'at rest');
      write(FILE, 'new');
      write('complete', '');
    };
    await failing();
    expect(there(FILE)).toBe('new');
    remove(FILE);
    await pushed();
    expect(there(FILE)).toBeUndefined();
  });

  it('has again what a version that failed has changed, or deleted', async () => {
    write('data/gone.txt', 'gone');
    await pushed();
    write('data/old.txt', 'changed');
    remove('data/gone.txt');
    await failingBuild();
    expect([there('data/old.txt'), there('data/gone.txt')]).toEqual(['changed', undefined]);
    write('data/old.txt', 'old');
    write('data/gone.txt', 'gone');
    await pushed();
    expect([there('data/old.txt'), there('data/gone.txt')]).toEqual(['old', 'gone']);
  });

  it('loses what a sync that was cut off has left, when it has gone and the app is built', async () => {
    await store.save({ ...(await deploymentOfApp()), begun: [{ path: FILE, kind: 'file' }] });
    engine.container(APP).files.write(`${DESTINATION}/${FILE}`, 'new');
    await built('main');
    expect(there(FILE)).toBeUndefined();
  });

  it('keeps a file of the app whose name was in the build context only', async () => {
    engine.container(APP).files.write(`${DESTINATION}/${FILE}`, 'of the app');
    write(FILE, 'by mistake');
    await built('main', () => remove(FILE));
    await pushed();
    expect(there(FILE)).toBe('of the app');
  });

  it('gets the cure for an app that crashes by what lies in it, also where something has to be deleted', async () => {
    write(FILE, 'new');
    write('data/main.js', 'broken');
    await failingBuild();
    remove(FILE);
    write('data/main.js', 'mended');
    // The new app, too, begins with what is broken, and ends at once.
    await expect(built('main')).rejects.toThrow(/ended with exit code 7/);
    expect(there('data/main.js')).toBe('mended');
    await built('main');
    expect(there(FILE)).toBeUndefined();
  });

  describe('of an app that was pushed from two computers', () => {
    let other: MemoryDeployments;

    beforeEach(async () => {
      other = new MemoryDeployments();
      await pushed({ store: other });
      expect(await pushed({ store: other })).toBe('none');
    });

    it('has again what the failed version of the one has changed, when the other pushes', async () => {
      write('data/old.txt', 'changed');
      await failingBuild();
      expect(there('data/old.txt')).toBe('changed');
      write('data/old.txt', 'old');
      expect(await pushed({ store: other })).toBe('sync');
      expect(there('data/old.txt')).toBe('old');
      expect(await pushed({ store: other })).toBe('none');
    });

    it('has lost its token when a push of the one is killed that has changed something', async () => {
      const { id } = engine.container(APP);
      const token = () => readToken(engine, id, DESTINATION, new AbortController().signal);
      const before = await token();
      write('data/old.txt', 'changed');
      const putArchive = engine.putArchive.bind(engine);
      engine.putArchive = async (...request) => {
        await putArchive(...request);
        if (there('data/old.txt') === 'changed') engine.disconnect();
      };
      await expect(built('main')).rejects.toThrow('the connection was cut');
      engine.reconnect();
      expect(await token()).not.toBe(before);
    });
  });

  it('costs a build one request to the old container when something in it changes, and else none', async () => {
    const markings = () => engine.calls.filter((call) => call === `putArchive ${oldId} ${DESTINATION}`);
    let oldId = engine.container(APP).id;
    const before = markings().length;
    write('elsewhere.txt', 'new');
    await built('main');
    expect(markings()).toHaveLength(before);
    oldId = engine.container(APP).id;
    const synced = markings().length;
    write('data/old.txt', 'changed');
    await built('main');
    expect(markings().length - synced).toBe(point === DESTINATION ? 0 : 1);
  });

  it('is named when the old app is back, and its volume may not be', async () => {
    write(FILE, 'new');
    await failingBuild();
    expect(rolledBack()).toEqual([
      { type: 'rolled-back', app: APP, toPrevious: true, changedVolumes: ['p1data'] },
    ]);
  });
});

describe('what has gone from the folder, and lies in a volume that is read-only by now,', () => {
  beforeEach(async () => {
    mountPoint = `${DESTINATION}/data`;
    await startApp();
    mountOptions = ['ro'];
    await built('main');
    remove('data/old.txt');
  });

  it('is named, with what helps', async () => {
    await expect(pushed()).rejects.toMatchObject({
      message: `data/old.txt cannot be deleted: ${mountPoint} in the container is a volume that is mounted read-only`,
      hint: 'Take `:ro` from it under `volumes` in .resin-sync.yml for one push, or add the path to `ignore` at the top of that file: then it stays in the volume.',
    });
    mountOptions = [];
    await built('main');
    expect(there('data/old.txt')).toBeUndefined();
  });

  it('stays where it is when it is ignored', async () => {
    ignore = ['data/old.txt'];
    write('other.txt', 'other');
    expect(await pushed()).toBe('sync');
    expect([there('data/old.txt'), there('other.txt')]).toEqual(['old', 'other']);
    expect(await pushed()).toBe('none');
  });

  it('is no matter when somebody else has deleted it', async () => {
    engine.container(APP).files.remove(`${DESTINATION}/data/old.txt`);
    expect(await pushed()).toBe('sync');
    expect(await pushed()).toBe('none');
  });
});

describe('an app without a volume', () => {
  beforeEach(async () => {
    mountPoint = undefined;
    await startApp();
  });

  it('is back as it was, and need not be asked what it holds', async () => {
    write(FILE, 'new');
    await failingBuild();
    expect(rolledBack()).toEqual([{ type: 'rolled-back', app: APP, toPrevious: true, changedVolumes: [] }]);
    expect((await deploymentOfApp()).begun).toBeUndefined();
  });
});
