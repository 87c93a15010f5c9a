import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import { applyPlan, planConfiguration } from '../../../../src/image/configure-plan.js';
import { FatVolume } from '../../../../src/image/fat/fat-volume.js';
import { Keyfile } from '../../../../src/image/keyfile.js';
import { withWifi } from '../../../../src/image/keyfile-profile.js';
import type { FatTools } from './fat-tools.js';
import { MemoryDevice, type RecordedWrite } from './memory-device.js';

export const OLD = Buffer.alloc(600, 'old ');
const NEW = Buffer.alloc(1400, 'new ');
const now = (): Date => new Date(2024, 0, 1);

export interface Edit {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly apply: (volume: FatVolume) => Promise<void>;
  /** Each path with the contents that it may have after a power cut; undefined for missing. */
  readonly allowed: Readonly<Record<string, readonly (Buffer | undefined)[]>>;
}

const SAMPLE = '[connection]\nid=resin-sample\ntype=wifi\n';
const HOME_PROFILE = withWifi(
  Keyfile.empty(),
  { ssid: Buffer.from('home'), key: 'correct horse' },
  'resin-wifi',
).toString();

async function configure(volume: FatVolume): Promise<void> {
  const changes = await planConfiguration(volume, {
    config: [{ kind: 'set', path: ['hostname'], json: '"kitchen"' }],
    wifi: { kind: 'one', settings: { ssid: Buffer.from('home'), key: 'correct horse' } },
    address: undefined,
    ethernet: undefined,
    connections: [],
  });
  await applyPlan(volume, changes, new AbortController().signal);
}

/** Fills a directory so that the next long name has no room in one sector, or none at all. */
const crowd = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`/d/F${index}`, 'x']));

export const EDITS: readonly Edit[] = [
  {
    name: 'a replaced file',
    files: { '/config.json': OLD },
    apply: (volume) => volume.replace('/config.json', NEW),
    allowed: { '/config.json': [OLD, NEW] },
  },
  {
    name: 'a file replaced by an empty one',
    files: { '/config.json': OLD },
    apply: (volume) => volume.replace('/config.json', Buffer.alloc(0)),
    allowed: { '/config.json': [OLD, Buffer.alloc(0)] },
  },
  {
    name: 'a new file with a long name in a new directory',
    files: { '/config.json': OLD },
    apply: (volume) => volume.replace('/system-connections/resin-wifi', NEW),
    allowed: { '/config.json': [OLD], '/system-connections/resin-wifi': [undefined, NEW] },
  },
  {
    name: 'a new file whose name does not fit behind the others in the sector',
    files: { '/config.json': OLD, ...crowd(10) },
    apply: (volume) => volume.replace('/d/a name that needs more than the room that is left.txt', NEW),
    allowed: {
      '/config.json': [OLD],
      '/d/F9': [Buffer.from('x')],
      '/d/a name that needs more than the room that is left.txt': [undefined, NEW],
    },
  },
  {
    name: 'a new file with a name that fills more than one sector',
    files: { '/config.json': OLD, ...crowd(3) },
    apply: (volume) => volume.replace(`/d/${'n'.repeat(220)}`, NEW),
    allowed: {
      '/config.json': [OLD],
      '/d/F2': [Buffer.from('x')],
      [`/d/${'n'.repeat(220)}`]: [undefined, NEW],
    },
  },
  {
    name: 'a new file in a directory that has to grow',
    files: { '/config.json': OLD, ...crowd(14) },
    apply: (volume) => volume.replace('/d/another long name.txt', NEW),
    allowed: {
      '/config.json': [OLD],
      '/d/F13': [Buffer.from('x')],
      '/d/another long name.txt': [undefined, NEW],
    },
  },
  {
    name: 'a whole configuration',
    files: { '/config.json': '{"a":1}', '/system-connections/resin-sample': SAMPLE },
    apply: configure,
    allowed: {
      '/config.json': [Buffer.from('{"a":1}'), Buffer.from('{"a":1,"hostname":"kitchen"}')],
      '/system-connections/resin-sample': [Buffer.from(SAMPLE)],
      '/system-connections/resin-wifi': [undefined, Buffer.from(HOME_PROFILE)],
    },
  },
  {
    name: 'a new directory with a long name',
    files: { '/config.json': OLD, ...crowd(2) },
    apply: (volume) => volume.makeDirectory('/system-connections'),
    allowed: { '/config.json': [OLD], '/d/F1': [Buffer.from('x')] },
  },
  {
    name: 'a removed file',
    files: { '/config.json': OLD, '/a file with a long name.txt': NEW },
    apply: (volume) => volume.remove('/a file with a long name.txt'),
    allowed: { '/config.json': [OLD], '/a file with a long name.txt': [NEW, undefined] },
  },
];

export const RENAMES = [
  {
    name: 'in its sector',
    files: { '/resin-sample': OLD },
    from: '/resin-sample',
    to: '/resin-sample.ignore',
  },
  {
    name: 'to another directory',
    files: { '/a.txt': OLD, '/d/b': 'x' },
    from: '/a.txt',
    to: '/d/moved there.txt',
  },
  {
    name: 'out of a crowded sector',
    files: { ...crowd(13), '/d/F13': OLD },
    from: '/d/F13',
    to: '/d/a longer name than before.txt',
  },
];

/** The writes of an edit that went well, which leaves a clean volume. */
export async function record(
  tools: FatTools,
  base: Buffer,
  apply: Edit['apply'],
): Promise<readonly RecordedWrite[]> {
  const device = new MemoryDevice(Buffer.from(base));
  const volume = await FatVolume.open(device, now);
  if (volume === undefined) throw new Error('no FAT volume');
  await apply(volume);
  expect(tools.check(device.bytes)).toMatchObject({ isClean: true });
  return device.writes;
}

/** Damage that `fsck` could only mend by throwing content away. */
const LOSS =
  /share clusters|truncat|bad|cluster chain length|contains a free cluster|invalid|dropping|start does not point/i;

/** Judges the volume as it is, and as `fsck.vfat -a` leaves it where it has something to mend. */
export async function expectSurvived(
  tools: FatTools,
  volume: Buffer,
  allowed: Edit['allowed'],
): Promise<void> {
  for await (const files of afterwards(tools, volume))
    for (const [path, contents] of Object.entries(allowed)) expect(contents).toContainEqual(files.get(path));
}

export async function expectRenamed(
  tools: FatTools,
  volume: Buffer,
  from: string,
  to: string,
): Promise<void> {
  for await (const files of afterwards(tools, volume)) {
    const found = [files.get(from), files.get(to)].filter((content) => content !== undefined);
    expect(found.length).toBeGreaterThan(0);
    for (const content of found) expect(content).toEqual(OLD);
  }
}

async function* afterwards(tools: FatTools, volume: Buffer): AsyncGenerator<ReadonlyMap<string, Buffer>> {
  // The tools run synchronously; the test runner needs its turn.
  await turn();
  const { isClean, report } = tools.check(volume);
  expect(report).not.toMatch(LOSS);
  yield tools.extract(volume);
  if (!isClean) yield tools.extractRepaired(volume);
}

/** The volume with each choice of writes, one after the other in the same memory: a copy for each would take most of the time. */
export function* volumesAfter(
  base: Buffer,
  choices: Iterable<readonly RecordedWrite[]>,
): Generator<Buffer, void> {
  const volume = Buffer.from(base);
  for (const writes of choices) {
    for (const { data, offset } of writes) data.copy(volume, offset);
    yield volume;
    for (const { data, offset } of writes) base.copy(volume, offset, offset, offset + data.length);
  }
}

/** None of the writes, the first one, the first two, ... */
export const prefixes = (writes: readonly RecordedWrite[]): RecordedWrite[][] =>
  Array.from({ length: writes.length + 1 }, (_, count) => writes.slice(0, count));

/** Up to each sync: all writes before it, and of its own epoch each one alone, or all but one. */
export function reorderings(writes: readonly RecordedWrite[]): RecordedWrite[][] {
  const lastEpoch = writes.at(-1)?.epoch ?? 0;
  return Array.from({ length: lastEpoch + 1 }, (_, epoch) => {
    const before = writes.filter((write) => write.epoch < epoch);
    const own = writes.filter((write) => write.epoch === epoch);
    const alone = own.map((write) => [...before, write]);
    const allButOne = own.map((write) => [...before, ...own.filter((other) => other !== write)]);
    return [...alone, ...allButOne];
  }).flat();
}
