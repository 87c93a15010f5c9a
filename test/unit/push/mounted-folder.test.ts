import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { labelsOf } from '../../../src/push/labels.js';
import type { ContainerSpec } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { newDirectory } from '../../contract/fake-file-tree.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { mainAndListing } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
const DESTINATION = '/usr/src/app';
const ANONYMOUS = 'a1'.repeat(32);

/** There is a folder wherever something is mounted. */
class MountingEngine extends FakeEngine {
  override async createContainer(name: string, spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    const id = await super.createContainer(name, spec, signal);
    const { files } = this.container(id);
    for (const { destination } of this.container(id).describe().mounts)
      files.put(destination, newDirectory());
    return id;
  }
}

let source: string;
let engine: MountingEngine;
let store: MemoryDeployments;

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-mounted-folder-'));
  engine = new MountingEngine(mainAndListing);
  store = new MemoryDeployments();
  write('Dockerfile', 'FROM busybox\n');
  write('sub/x', 'x');
  write('sub/deep/y', 'y');
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

function write(path: string, content: string): void {
  mkdirSync(dirname(join(source, path)), { recursive: true });
  writeFileSync(join(source, path), content);
}

const settings = () => resolveSettings({}, { appName: APP }, defaultSettings, { source });
const pushed = () => onePush({ settings: settings(), engine, store });
const there = (path: string) => engine.container(APP).files.read(`${DESTINATION}/${path}`);

/** Its container has what is in the folder. @param mount as of `docker run --volume` */
async function startApp(mount: string, volumes: string[] = []): Promise<void> {
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'], volumes });
  const spec = containerSpec(settings());
  const HostConfig = { ...spec.HostConfig, Binds: [mount] };
  await engine.startContainer(await engine.createContainer(APP, { ...spec, HostConfig }));
  await pushed();
}

/** A new version of it, whose image asks for these volumes. */
async function built(volumes: string[]): Promise<string[]> {
  const build = () => {
    const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'], volumes });
    return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' } as const);
  };
  await onePush({ settings: settings(), engine, store, builder: { build }, forceBuild: true });
  const { mounts } = engine.container(APP).describe();
  return mounts.flatMap(({ volumeName, destination }) =>
    volumeName ? [`${volumeName}:${destination}`] : [],
  );
}

describe('a file in the place of a folder', () => {
  const refusal = async (): Promise<unknown> => {
    rmSync(join(source, 'sub'), { recursive: true });
    write('sub', 'a file');
    return pushed().catch((error: unknown) => error);
  };

  it('is refused where something is mounted in that folder, before anything is deleted', async () => {
    await startApp(`/mnt/data/deep:${DESTINATION}/sub/deep`);
    expect(await refusal()).toMatchObject({
      message: `sub holds ${DESTINATION}/sub/deep, which is mounted in the container by itself: nothing can take its place`,
      hint: `Add sub to \`ignore\` in .resin-sync.yml, or take ${DESTINATION}/sub/deep from \`volumes\` there.`,
    });
    expect(there('sub/x')).toBe('x');
    expect(there('sub/deep/y')).toBe('y');
  });

  it('is refused where the folder is a volume that the image asked for, with advice about the Dockerfile', async () => {
    await startApp(`${ANONYMOUS}:${DESTINATION}/sub`, [`${DESTINATION}/sub`]);
    expect(await refusal()).toMatchObject({
      message: 'sub is mounted in the container by itself: nothing can take its place',
      hint: `Add sub to \`ignore\` in .resin-sync.yml, or take ${DESTINATION}/sub from \`VOLUME\` in the Dockerfile.`,
    });
  });
});

it('a folder that goes from the project leaves what is mounted in it where it is, and loses its files', async () => {
  await startApp(`/mnt/data/deep:${DESTINATION}/sub/deep`);
  rmSync(join(source, 'sub'), { recursive: true });
  await pushed();
  expect(there('sub/deep/y')).toBeUndefined();
});

describe('a volume that the image asked for', () => {
  const VOLUME = `${ANONYMOUS}:${DESTINATION}/sub`;

  it.each([`${DESTINATION}/sub`, `${DESTINATION}/sub/`])(
    'is handed on to an app whose image asks for %s',
    async (path) => {
      await startApp(VOLUME, [`${DESTINATION}/sub`]);
      expect(await built([path])).toEqual([VOLUME]);
    },
  );

  it('is not handed on to one whose image does not ask for it any more', async () => {
    await startApp(VOLUME, [`${DESTINATION}/sub`]);
    expect(await built(['/store'])).toEqual([]);
  });
});
