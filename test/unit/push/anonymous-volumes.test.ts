import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { discardedName, labelsOf, nextName, previousName } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const STORE = '/var/lib/app';
const VOLUME = 'a'.repeat(64);
const OTHER_VOLUME = 'b'.repeat(64);

let source: string;
let engine: FakeEngine;
let warnings: string[];
let oldId: string;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-anonymous-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) => (argv[0] === 'main' ? runUntilKilled(killed) : 7));
  engine.addImage(APP, { labels: labelsOf(APP), cmd: ['main'], volumes: [STORE] });
  warnings = [];
  oldId = await created(APP, VOLUME);
  await engine.startContainer(oldId);
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = (volumes: Parameters<typeof resolveSettings>[1]['volumes'] = []) =>
  resolveSettings({}, { appName: APP, volumes }, defaultSettings, { source });

/** As the engine makes it from an image with a `VOLUME`. */
function created(name: string, volume: string): Promise<string> {
  const spec = containerSpec(settings());
  return engine.createContainer(name, {
    ...spec,
    HostConfig: { ...spec.HostConfig, Binds: [`${volume}:${STORE}`] },
  });
}

async function push({ volumes = settings().volumes, command = 'main' } = {}): Promise<void> {
  const build = () => {
    const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: [command], volumes: [STORE] });
    return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' } as const);
  };
  await onePush({
    settings: settings(volumes),
    engine,
    store: new MemoryDeployments(),
    builder: { build },
    forceBuild: true,
    emit: (event) => {
      if (event.type === 'warning') warnings.push(event.message);
    },
  });
}

const removals = () => engine.calls.filter((call) => call.startsWith('removeContainer'));
const mountsOfApp = async () =>
  (await engine.inspectContainer(APP))?.mounts.map(({ volumeName }) => volumeName);
const told = (volume: string): unknown[] => [
  expect.stringMatching(`${STORE}; what it holds is kept, until \`docker volume rm ${volume}\``),
];

describe('what the app keeps in an anonymous volume', () => {
  it('is handed on, and nothing is said', async () => {
    await push();
    expect(await mountsOfApp()).toEqual([VOLUME]);
    expect(warnings).toEqual([]);
  });

  it('is kept and told of when a volume of the project file takes its place', async () => {
    await push({ volumes: [{ source: 'named', target: STORE, options: [] }] });
    expect(await mountsOfApp()).toEqual(['named']);
    expect(removals()).toEqual([`removeContainer ${oldId}`]);
    expect(warnings).toEqual(told(VOLUME));
  });

  it('is kept and told of when the container that took the place of the old one was removed by hand', async () => {
    await engine.renameContainer(APP, discardedName(APP, oldId));
    await push();
    expect(removals()).toEqual([`removeContainer ${oldId}`]);
    expect(warnings).toEqual(told(VOLUME));
  });

  it('is not told of when the container that has it since only waits under another name', async () => {
    await engine.renameContainer(APP, discardedName(APP, oldId));
    await engine.startContainer(await created(previousName(APP), VOLUME));
    await push();
    expect(await mountsOfApp()).toEqual([VOLUME]);
    expect(warnings).toEqual([expect.stringContaining('was cut off')]);
  });

  it('is kept and told of when it was the app of a killed push, for who knows how long', async () => {
    await engine.renameContainer(APP, previousName(APP));
    const newId = await created(APP, OTHER_VOLUME);
    await engine.startContainer(newId);
    await push();
    expect(await mountsOfApp()).toEqual([VOLUME]);
    expect(removals()[0]).toBe(`removeContainer ${newId}`);
    expect(warnings).toEqual([expect.stringContaining('was cut off'), ...told(OTHER_VOLUME)]);
  });
});

describe('a volume of its own', () => {
  it('goes with a new container that failed', async () => {
    await expect(push({ command: 'broken' })).rejects.toThrow('exit code 7');
    expect(removals()).toEqual([expect.stringMatching(/^removeContainer \S+ -v$/)]);
    expect(removals()).not.toEqual([`removeContainer ${oldId} -v`]);
    expect(warnings).toEqual([]);
  });

  it('goes with a new container that a killed push had not started', async () => {
    const nextId = await created(nextName(APP), OTHER_VOLUME);
    await push();
    expect(removals()[0]).toBe(`removeContainer ${nextId} -v`);
    expect(await mountsOfApp()).toEqual([VOLUME]);
  });
});
