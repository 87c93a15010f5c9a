import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageBuilder } from '../../../src/build/image-builder.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf, nextName } from '../../../src/push/labels.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
let source: string;
let engine: FakeEngine;
let id: string;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-taken-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : 127));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
  id = await engine.createContainer('kept', containerSpec(settings()));
  await engine.startContainer(id);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });

/** A push that finds no app; `meanwhile` it happens on the device, before `end` is how the build ends. */
const push = (meanwhile: () => Promise<unknown>, end: () => void = () => undefined) => {
  const builder: ImageBuilder = {
    build: async () => {
      await meanwhile();
      end();
      const { id: imageId } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'] });
      return { type: 'built', imageId, builder: 'buildkit' };
    },
  };
  return onePush({ settings: settings(), engine, store: new MemoryDeployments(), builder });
};
const noLuck = (): void => {
  throw new Error('no luck');
};
const renameBack = () => engine.renameContainer('kept', APP);
const expectLeft = async () => {
  expect(await engine.inspectContainer(APP)).toMatchObject({ id, state: { running: true } });
  expect([...engine.containers.keys()]).toEqual([id]);
};

describe('an app that was renamed, and has its name back while a push builds that did not find it,', () => {
  it('is left running when the build fails', async () => {
    await expect(push(renameBack, noLuck)).rejects.toThrow('no luck');
    await expectLeft();
  });

  it('is left running when the build succeeds, and the push says why it goes no further', async () => {
    await expect(push(renameBack)).rejects.toThrow(
      /^the device has another container app since this push has begun: it is left as it is$/,
    );
    await expectLeft();
  });

  it('is left running when it has its name at the last moment, and the new container goes', async () => {
    const create = engine.createContainer.bind(engine);
    engine.createContainer = async (...args) => {
      await renameBack();
      return create(...args);
    };
    await expect(push(() => Promise.resolve())).rejects.toThrow(
      /^the device has another container app since/,
    );
    await expectLeft();
  });
});

it('a container of the name that is not ours is left as well', async () => {
  const stranger = () => engine.createContainer(APP, { Image: APP, Labels: {}, HostConfig: {} });
  await expect(push(stranger)).rejects.toThrow('a container of somebody else was given the name app');
  expect(await engine.inspectContainer(APP)).toBeDefined();
});

it('a new container whose creation is not answered is taken away all the same', async () => {
  const create = engine.createContainer.bind(engine);
  engine.createContainer = async (...args) => {
    await create(...args);
    throw connectionCut('fake');
  };
  await expect(push(() => Promise.resolve())).rejects.toThrow('the connection was cut');
  expect(await engine.inspectContainer(nextName(APP))).toBeUndefined();
});
