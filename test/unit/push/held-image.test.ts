import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { ExitCode } from '../../../src/errors.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { holdImage, releaseImage } from '../../../src/push/held-image.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const OURS = { labels: labelsOf(APP), cmd: ['main'] };
const HELD = 'app:rdt-previous';

let engine: FakeEngine;
let events: PushEvent[];

beforeEach(() => {
  // What runs as `broken` ends at once.
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : 7));
  engine.forgetsNameless = true;
  events = [];
});
afterEach(() => engine[Symbol.asyncDispose]());

const imageId = async (name: string): Promise<string | undefined> => (await engine.inspectImage(name))?.id;

describe('the image that an app runs from', () => {
  let source: string;
  let oldId: string | undefined;

  beforeEach(async () => {
    source = mkdtempSync(join(tmpdir(), 'rdt-held-'));
    writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
    engine.addImage(APP, OURS);
    await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
    oldId = await imageId(APP);
  });
  afterEach(() => rmSync(source, { recursive: true, force: true }));

  const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

  /** Builds an image with this command, which takes the app's name. */
  const building = (command: string): ImageBuilder => ({
    build: () => {
      const { id } = engine.addImage(APP, { ...OURS, cmd: [command] });
      return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' });
    },
  });

  const built = (builder: ImageBuilder) => {
    const store = new MemoryDeployments();
    const emit = (event: PushEvent) => void events.push(event);
    return onePush({ settings: settings(), engine, store, builder, forceBuild: true, emit });
  };

  it('has its name again when the new app fails, on an engine that forgets images without one', async () => {
    await expect(built(building('broken'))).rejects.toMatchObject({
      exitCode: ExitCode.appFailed,
      message: expect.not.stringContaining('could not be taken back') as string,
    });
    expect(await imageId(APP)).toBe(oldId);
    expect(await imageId(HELD)).toBeUndefined();
    expect(await engine.inspectContainer(APP)).toMatchObject({ imageId: oldId, state: { running: true } });
  });

  it('has its name again, and what a push that was cut off had built goes, when the new app fails', async () => {
    engine.forgetsNameless = false;
    const { id: leftId } = engine.addImage(APP, OURS);
    await expect(built(building('broken'))).rejects.toMatchObject({ exitCode: ExitCode.appFailed });
    expect(await imageId(APP)).toBe(oldId);
    expect(await engine.inspectImage(leftId)).toBeUndefined();
  });

  it('has its name again when the build fails', async () => {
    const failing: ImageBuilder = { build: () => Promise.reject(new Error('no luck')) };
    await expect(built(failing)).rejects.toThrow('no luck');
    expect(await imageId(APP)).toBe(oldId);
    expect(await imageId(HELD)).toBeUndefined();
  });

  it('is gone when the new app runs', async () => {
    expect(await built(building('main'))).toBe('build');
    expect(await imageId(APP)).not.toBe(oldId);
    expect(await imageId(oldId ?? '')).toBeUndefined();
    expect(await imageId(HELD)).toBeUndefined();
  });

  it('is let go by the next push when the one that held it was killed, also when there is nothing to do', async () => {
    const store = new MemoryDeployments();
    const again = () => onePush({ settings: settings(), engine, store });
    await again();
    expect(await again()).toBe('none');
    await engine.tagImage(APP, APP, 'rdt-previous');
    expect(await again()).toBe('none');
    expect(await engine.inspectImage(APP)).toMatchObject({ id: oldId, tags: ['app:latest'] });
    const asked = engine.calls.length;
    expect(await again()).toBe('none');
    expect(engine.calls.slice(asked).filter((call) => call.startsWith('removeImage'))).toEqual([]);
  });

  it('that cannot be removed when the new app runs is a warning', async () => {
    engine.failNext('removeImage', new EngineError(500, 'unrecognized image ID'));
    expect(await built(building('main'))).toBe('build');
    const message = 'an old image of app could not be removed: unrecognized image ID';
    expect(events).toContainEqual({ type: 'warning', message });
  });

  it('may be gone before it is held: the build needs it no more', async () => {
    engine.failNext('tagImage', new EngineError(404, 'No such image'));
    expect(await built(building('main'))).toBe('build');
  });

  it('that cannot be let go is a warning: the new app runs', async () => {
    const remove = engine.removeImage.bind(engine);
    engine.removeImage = (ref, signal) =>
      ref === HELD ? Promise.reject(new EngineError(500, 'disk trouble')) : remove(ref, signal);
    // It has another name, so that it is not removed as superseded.
    await engine.tagImage(APP, APP, 'kept');
    expect(await built(building('main'))).toBe('build');
    const message = `the image ${HELD} could not be removed: disk trouble`;
    expect(events).toContainEqual({ type: 'warning', message });
  });
});

describe('the second name', () => {
  const signal = new AbortController().signal;
  const deps = () => ({ engine, signal, lost: signal, emit: (event: PushEvent) => void events.push(event) });

  it.each([OURS.labels, {}])('of somebody else’s image stays theirs', async (labels) => {
    const theirs = engine.addImage(HELD);
    engine.addImage(APP, { labels });
    await holdImage(deps(), APP, await engine.inspectImage(APP));
    await releaseImage(deps(), APP, signal);
    expect(await engine.inspectImage(HELD)).toMatchObject({ id: theirs.id, tags: [HELD] });
  });

  it('is not given to somebody else’s image', async () => {
    engine.addImage(APP);
    await holdImage(deps(), APP, await engine.inspectImage(APP));
    expect(await engine.inspectImage(HELD)).toBeUndefined();
  });

  it('stays while a container is made from the image', async () => {
    const { id } = engine.addImage(HELD, OURS);
    await engine.createContainer('other', { Image: id, Labels: {}, HostConfig: {} });
    await releaseImage(deps(), APP, signal);
    expect(await engine.inspectImage(id)).toBeDefined();
  });
});
