import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf, nextName, previousName } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { FakeImageBuilder } from '../../contract/fake-image-builder.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';

let source: string;
let engine: FakeEngine;

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-not-ours-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : undefined));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });
const pushed = (builder: ImageBuilder = new FakeImageBuilder()) =>
  onePush({ settings: settings(), engine, store: new MemoryDeployments(), builder, forceBuild: true });

/** As by `docker run`: it has the labels of the image. */
async function runByHand(name: string): Promise<string> {
  const id = await engine.createContainer(name, { Image: APP, Labels: { owner: 'me' }, HostConfig: {} });
  await engine.startContainer(id);
  return id;
}

/** As `docker commit` makes it of a container of ours: with all its labels. */
function addSnapshot(name: string): void {
  engine.addImage(name, { labels: containerSpec(settings()).Labels, cmd: ['main'] });
}

describe('an image that somebody made of a container of ours', () => {
  it('is theirs under the name of the app', async () => {
    addSnapshot(APP);
    await expect(pushed()).rejects.toThrow('the device has an image app that rdt did not build');
  });

  it('and so is the container that they run from it', async () => {
    addSnapshot('snapshot');
    const id = await engine.createContainer(APP, { Image: 'snapshot', Labels: {}, HostConfig: {} });
    await engine.startContainer(id);
    await expect(pushed()).rejects.toThrow('the device has a container app that rdt did not make');
    expect(await engine.inspectContainer(id)).toMatchObject({ name: APP, state: { running: true } });
  });
});

describe('a container that somebody runs from an image of ours', () => {
  it('under the name of the app is theirs', async () => {
    const id = await runByHand(APP);
    await expect(pushed()).rejects.toThrow('the device has a container app that rdt did not make');
    expect(await engine.inspectContainer(id)).toMatchObject({ name: APP, state: { running: true } });
  });

  it.each([nextName(APP), previousName(APP)])(
    'under the passing name %s is theirs, and told of before anything is built',
    async (name) => {
      await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
      const id = await runByHand(name);
      const builder = new FakeImageBuilder();
      await expect(pushed(builder)).rejects.toThrow(
        `the device has a container ${name} that rdt did not make`,
      );
      expect(await engine.inspectContainer(id)).toMatchObject({ name, state: { running: true } });
      expect(builder.requests).toEqual([]);
    },
  );
});

describe('a container that somebody gives a name of the app while it is built', () => {
  const TAKEN = {
    message: `a container of somebody else was given the name ${APP} while the app was built`,
    hint: expect.stringContaining('That container was not touched.') as string,
  };

  /** Somebody is quick in the middle of the build. */
  const building = (meanwhile: () => Promise<unknown>): ImageBuilder => ({
    async build() {
      await meanwhile();
      const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
      return { type: 'built', imageId: id, builder: 'buildkit' };
    },
  });
  const startOld = async (): Promise<string> => {
    const id = await engine.createContainer(APP, containerSpec(settings()));
    await engine.startContainer(id);
    return id;
  };
  const names = (): string[] => [...engine.containers.values()].map(({ name }) => name).sort();
  const isRunning = async (id: string) => (await engine.inspectContainer(id))?.state.running;

  it('is left alone at a first push, which tells what happened and leaves nothing', async () => {
    let theirs = '';
    await expect(pushed(building(async () => (theirs = await runByHand(APP))))).rejects.toMatchObject(TAKEN);
    expect({ names: names(), runs: await isRunning(theirs) }).toEqual({ names: [APP], runs: true });
  });

  it('is left alone, and so is the old app that they gave another name', async () => {
    const old = await startOld();
    let theirs = '';
    const builder = building(async () => {
      await engine.renameContainer(old, 'mine-now');
      theirs = await runByHand(APP);
    });
    await expect(pushed(builder)).rejects.toMatchObject({
      message: expect.stringContaining(TAKEN.message) as string,
      hint: TAKEN.hint,
    });
    expect(names()).toEqual([APP, 'mine-now']);
    expect([await isRunning(theirs), await isRunning(old)]).toEqual([true, true]);
  });

  it('is left alone under a passing name, and the old app runs on', async () => {
    const old = await startOld();
    const builder = building(() => runByHand(previousName(APP)));
    await expect(pushed(builder)).rejects.toThrow('has a container app.rdt-previous that rdt did not make');
    expect({ names: names(), runs: await isRunning(old) }).toEqual({
      names: [APP, previousName(APP)],
      runs: true,
    });
  });
});
