import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushResult } from '../../../src/push/push-event.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush, type OnePush } from './one-push.js';
import { VolumeEngine } from './volume-engine.js';

const APP = 'app';
const DESTINATION = '/usr/src/app';

let source: string;
let engine: VolumeEngine;
let store: MemoryDeployments;
let warnings: string[];

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-blind-'));
  write('Dockerfile', 'FROM scratch\n');
  mkdirSync(join(source, 'data'));
  write('data/x.txt', 'x');
  write('a.txt', 'a');
  engine = new VolumeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : undefined));
  store = new MemoryDeployments();
  warnings = [];
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const write = (path: string, content: string): void => writeFileSync(join(source, path), content);
const remove = (path: string): void => rmSync(join(source, path));
const there = (path: string): string | undefined =>
  engine.container(APP).files.read(`${DESTINATION}/${path}`);

/** Builds an image without a shell that has those files. */
const builderOf = (files: readonly string[], duringBuild: () => void = () => undefined): ImageBuilder => ({
  build: async ({ openContext }) => {
    await buffer(openContext());
    duringBuild();
    const image = engine.addImage(APP, {
      labels: labelsOf(APP),
      cmd: ['main'],
      files: Object.fromEntries(files.map((path) => [`${DESTINATION}/${path}`, path])),
    });
    image.files.remove('/bin/sh');
    return { type: 'built', imageId: image.id, builder: 'buildkit' };
  },
});

function pushed(builder: ImageBuilder, options: Partial<OnePush> = {}): Promise<PushResult['action']> {
  warnings = [];
  const volumes = [{ source: 'p1', target: `${DESTINATION}/data`, options: [] }];
  return onePush({
    settings: resolveSettings({}, { appName: APP, volumes }, defaultSettings, { source }),
    engine,
    store,
    builder,
    emit: (event) => event.type === 'warning' && warnings.push(event.message),
    ...options,
  });
}

describe('what goes from the folder while an image without a shell is built', () => {
  beforeEach(() => write('doomed.txt', 'd'));

  it('is taken away by another build, with the next push, and by that one only', async () => {
    await pushed(builderOf(['a.txt', 'doomed.txt'], () => remove('doomed.txt')));
    expect(there('doomed.txt')).toBe('doomed.txt');
    expect(warnings).toEqual([
      'the next push has to delete doomed.txt: the container has no shell to delete files',
    ]);
    expect(await pushed(builderOf(['a.txt']))).toBe('build');
    expect(there('doomed.txt')).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(await pushed(builderOf([]))).toBe('none');
  });

  it('is no matter where the image has not got it', async () => {
    await pushed(builderOf(['a.txt'], () => remove('doomed.txt')));
    expect(warnings).toEqual([]);
    expect(await pushed(builderOf([]))).toBe('none');
  });
});

describe('what goes from the volume of a container without a shell', () => {
  it('is told to stay there, and builds nothing again and again', async () => {
    await pushed(builderOf(['a.txt']));
    expect(there('data/x.txt')).toBe('x');
    remove('data/x.txt');
    expect(await pushed(builderOf(['a.txt']))).toBe('build');
    expect(there('data/x.txt')).toBe('x');
    expect(warnings).toEqual([
      'the container has no shell to delete files, and a volume keeps what has gone from the folder: data/x.txt',
    ]);
    expect(await pushed(builderOf(['a.txt']))).toBe('none');
  });

  it('keeps a folder whose place a file is to take, and takes all else', async () => {
    mkdirSync(join(source, 'data/sub'));
    write('data/sub/y.txt', 'y');
    await pushed(builderOf(['a.txt']));
    rmSync(join(source, 'data/sub'), { recursive: true });
    write('data/sub', 'a file now');
    write('data/x.txt', 'new');
    expect(await pushed(builderOf(['a.txt']))).toBe('build');
    expect(there('data/sub/y.txt')).toBe('y');
    expect(there('data/x.txt')).toBe('new');
    expect(warnings).toEqual([
      'the container has no shell to delete files, and a volume keeps what has gone from the folder: data/sub/y.txt, data/sub',
    ]);
    expect(await pushed(builderOf(['a.txt']))).toBe('none');
  });
});
