import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushEvent, PushResult } from '../../../src/push/push-event.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';

let source: string;
let engine: FakeEngine;
let store: MemoryDeployments;
let reasons: readonly string[];

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-built-from-'));
  write('Dockerfile', 'FROM busybox\nCMD ["main", "v1"]\n');
  write('extra.txt', 'extra');
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : undefined));
  store = new MemoryDeployments();
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const write = (path: string, content: string): void => writeFileSync(join(source, path), content);

const settings = (buildTriggers: readonly string[] = []) =>
  resolveSettings({}, { appName: APP, buildTriggers }, defaultSettings, { source });

const addImage = () => engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });

/** A push of a folder whose project file has the hashes of what the folder holds. */
function pushed(buildTriggers: readonly string[] = []): Promise<PushResult['action']> {
  const build = () =>
    Promise.resolve({ type: 'built', imageId: addImage().id, builder: 'buildkit' } as const);
  const emit = (event: PushEvent): void => {
    if (event.type === 'decision') reasons = event.decision.reasons;
  };
  return onePush({ settings: settings(buildTriggers), engine, store, builder: { build }, emit });
}

describe('an app on a device', () => {
  it('is built again when it was built from another Dockerfile than the folder and its project file have', async () => {
    expect(await pushed()).toBe('build');
    // As after a push of another device, or of another branch.
    write('Dockerfile', 'FROM busybox\nCMD ["main", "v2"]\n');
    expect(await pushed()).toBe('build');
    expect(reasons).toEqual(['Dockerfile is not the one that the app on the device was built from']);
    expect(await pushed()).toBe('none');
  });

  it('is built again when a trigger appeared that it was built without, or is gone', async () => {
    await pushed(['later.txt']);
    write('later.txt', '');
    expect(await pushed(['later.txt'])).toBe('build');
    expect(reasons).toEqual(['the app on the device was built without later.txt']);
    rmSync(join(source, 'later.txt'));
    expect(await pushed(['later.txt'])).toBe('build');
    expect(reasons).toEqual(['the app on the device was built with later.txt, which is gone']);
    expect(await pushed(['later.txt'])).toBe('none');
  });

  it('is not built again because another list of triggers is looked at', async () => {
    expect(await pushed()).toBe('build');
    expect(await pushed(['extra.txt'])).toBe('none');
    expect(await pushed(['extra.txt', 'never-there.txt'])).toBe('none');
    expect(await pushed()).toBe('none');
  });

  it('of a version that noted nothing on the device is taken for what the project file says', async () => {
    addImage();
    await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
    expect(await pushed()).toBe('sync');
    expect(reasons).toEqual(['no build trigger changed']);
  });
});
