import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, type PushSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { ContainerSpec } from '../../../src/transport/engine.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { newDirectory } from '../../contract/fake-file-tree.js';
import { playStages } from '../../contract/fake-stages.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { mainAndListing } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
const DESTINATION = '/usr/src/app';
const VOLUME = `${DESTINATION}/data`;

/** Each container has the same volume. */
class VolumeEngine extends FakeEngine {
  private readonly volume = newDirectory();

  override async createContainer(name: string, spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    const id = await super.createContainer(name, spec, signal);
    this.container(id).files.put(VOLUME, this.volume);
    return id;
  }
}

let source: string;
let engine: VolumeEngine;
let store: MemoryDeployments;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-own-'));
  store = new MemoryDeployments();
  engine = new VolumeEngine((process) => mainAndListing(process) ?? playStages(process));
  write('Dockerfile', 'FROM busybox\n');
  mkdirSync(join(source, 'data'));
  write('data/seed', 'seed');
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
  await pushed();
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const write = (path: string, text: string): void => writeFileSync(join(source, path), text);
const remove = (path: string): void => rmSync(join(source, path));
const app = () => engine.container(APP).files;
const there = (path: string): string | undefined => {
  const node = app().find(`${DESTINATION}/${path}`);
  return node?.kind === 'file' ? node.bytes.toString() : undefined;
};

const settings = (): PushSettings => {
  const volumes = [{ source: 'p1', target: VOLUME, options: [] }];
  return resolveSettings({}, { appName: APP, volumes }, defaultSettings, { source });
};

async function pushed(forceBuild = false): Promise<void> {
  const builder = {
    build: async (request: { openContext(): NodeJS.ReadableStream }) => {
      await buffer(request.openContext());
      const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
      return { type: 'built', imageId: id, builder: 'buildkit' } as const;
    },
  };
  await onePush({ settings: settings(), engine, store, builder, forceBuild });
}

/** A sync that fails, after `arrives` has been called. */
async function cutOff(arrives: () => void = () => undefined): Promise<void> {
  const putArchive = engine.putArchive.bind(engine);
  engine.putArchive = () => {
    arrives();
    return Promise.reject(new EngineError(500, 'no space left on device'));
  };
  await expect(pushed()).rejects.toThrow('no space left on device');
  engine.putArchive = putArchive;
}

const arrive = (path: string): void =>
  app().write(`${DESTINATION}/${path}`, readFileSync(join(source, path), 'utf8'));

describe.each([
  ['app.db', 'sync'],
  ['data/app.db', 'sync'],
  ['data/app.db', 'build'],
])('%s, a file of that name was to be sent and has gone again before a %s', (path, next) => {
  const pushedNext = (): Promise<void> => pushed(next === 'build');

  it("stays when it is the app's own and nothing has arrived", async () => {
    app().write(`${DESTINATION}/${path}`, 'of the app');
    write(path, 'by mistake');
    await cutOff();
    remove(path);
    await pushedNext();
    expect(there(path)).toBe('of the app');
  });

  it('goes when the first of several that were cut off had arrived', async () => {
    write(path, 'first');
    await cutOff(() => arrive(path));
    expect(there(path)).toBe('first');
    write(path, 'second');
    await cutOff();
    remove(path);
    await pushedNext();
    expect(there(path)).toBeUndefined();
  });
});

it('a file that was sent with another content than the scan has seen goes as well', async () => {
  write('a.txt', 'scanned');
  const saveNow = store.saveNow.bind(store);
  store.saveNow = (deployment) => {
    write('a.txt', 'sent');
    return saveNow(deployment);
  };
  await cutOff(() => arrive('a.txt'));
  remove('a.txt');
  await pushed();
  expect(there('a.txt')).toBeUndefined();
});
