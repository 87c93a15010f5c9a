import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushEvent, PushResult } from '../../../src/push/push-event.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { mainAndListing } from './list-files.js';
import { onePush, type OnePush } from './one-push.js';

const APP = 'app';
const DESTINATION = '/usr/src/app';
const MANY = 150;

let source: string;
let engine: FakeEngine;
let store: MemoryDeployments;
let oldId: string;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-mass-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  writeMany('many');
  store = new MemoryDeployments();
  engine = new FakeEngine(mainAndListing);
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  oldId = await engine.createContainer(APP, containerSpec(settings()));
  await engine.startContainer(oldId);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

function writeMany(folder: string): void {
  mkdirSync(join(source, folder));
  for (let n = 0; n < MANY; n++) writeFileSync(join(source, folder, String(n)), '');
}

const removeMany = (): void => rmSync(join(source, 'many'), { recursive: true, force: true });

const pushed = (options: Partial<OnePush> = {}): Promise<PushResult['action']> =>
  onePush({ settings: settings(), engine, store, ...options });

/** What happens to the folder while its image is built. */
const built = (meanwhile: () => void, options: Partial<OnePush> = {}): Promise<PushResult['action']> => {
  const build = () => {
    meanwhile();
    const files = { [`${DESTINATION}/Dockerfile`]: 'FROM busybox\n' };
    const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'], files });
    return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' } as const);
  };
  return pushed({ builder: { build }, forceBuild: true, ...options });
};

it('a folder that holds nothing any more is not followed, however few its files were', async () => {
  removeMany();
  await pushed();
  rmSync(join(source, 'Dockerfile'));
  await expect(pushed()).rejects.toMatchObject({
    message: 'nothing is in the folder: this push would delete all files that it once sent',
    hint: 'If that is what you want, push again with --force. None of them was deleted.',
  });
});

describe('a folder that loses most of its files', () => {
  it('during a build is not followed: the old app is back', async () => {
    await expect(built(removeMany)).rejects.toMatchObject({
      message: `this push would delete ${MANY} of the ${MANY + 1} files that it once sent`,
      hint: 'If that is what you want, push again with --force. None of them was deleted.',
    });
    expect(await engine.inspectContainer(APP)).toMatchObject({ id: oldId, state: { running: true } });
  });

  it('during a build is not followed, however much the image holds that a sync ignores', async () => {
    writeFileSync(join(source, '.gitignore'), 'ignored\n');
    writeMany('ignored');
    await expect(built(removeMany)).rejects.toThrow(/^this push would delete 150 of the 15\d files/);
  });

  it('is judged by its files alone, however many folders they are in', async () => {
    mkdirSync(join(source, 'few'));
    for (let n = 0; n < 60; n++) {
      mkdirSync(join(source, 'few', String(n)));
      writeFileSync(join(source, 'few', String(n), 'file'), '');
    }
    removeMany();
    await pushed();
    rmSync(join(source, 'few'), { recursive: true });
    // Not refused: the container has no program to delete them with.
    expect(await pushed()).toBe('build');
  });

  it('during a build is followed with --force', async () => {
    expect(await built(removeMany, { force: true })).toBe('build');
  });

  it('before a build is an ordinary one: the new container never had them', async () => {
    await pushed();
    removeMany();
    expect(await built(() => undefined)).toBe('build');
  });

  it('is not followed by a dry run either, which shows what would be done', async () => {
    await pushed();
    removeMany();
    const types: string[] = [];
    const emit = ({ type }: PushEvent): void => void types.push(type);
    await expect(pushed({ dryRun: true, emit })).rejects.toThrow(
      /^this push would delete 150 of the 15\d files/,
    );
    expect(types).toContain('plan');
    expect(await pushed({ dryRun: true, force: true })).toBe('none');
  });

  it('between the plan and the sending is not followed', async () => {
    await pushed();
    writeFileSync(join(source, 'many/new'), '');
    const emit = ({ type }: PushEvent): void => {
      // The plan is made, and nothing is read for it yet: what is to be sent is missing, and so looked for again.
      if (type === 'decision') removeMany();
    };
    await expect(pushed({ emit })).rejects.toThrow(/^this push would delete 150 of the 15\d files/);
    expect((await engine.inspectContainer(APP))?.id).toBe(oldId);
  });
});
