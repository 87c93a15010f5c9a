import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { applyConfiguration } from '../../../src/image/configure.js';
import { FatVolume } from '../../../src/image/fat/fat-volume.js';
import { readPartitionTable } from '../../../src/image/partition-table.js';
import { resolveSettings } from '../../../src/image/resolve-settings.js';
import { makeDisk } from './medium/disk-image.js';
import { FatTools } from './medium/fat-tools.js';
import { MemoryDevice } from './medium/memory-device.js';
import { Mutator } from './medium/mutator.js';
import { DISK_PROGRAMS, withPrograms } from './medium/with-programs.js';

const { describe, it } = withPrograms(...DISK_PROGRAMS);
// The programs of Debian that judge here wait for a processor like everybody.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CASES_EACH = 2_500;
/** Two processors, shared: a case takes about 1 ms, and a hang would take for ever. */
const LIMIT_MS = 2_000;
const MIB = 1 << 20;

const tools = new FatTools();
afterAll(() => tools[Symbol.dispose]());

const FILES = {
  '/config.json': '{"hostname":"old"}',
  '/device-type.json': '{}',
  '/system-connections/resin-sample': '[connection]\nid=resin-sample\n',
  '/overlays/a long name to be mutated.dtbo': Buffer.alloc(3000, 7),
};

const fat = (type: 12 | 16, sizeMib: number): Buffer =>
  tools.make({ type, sizeBytes: sizeMib * MIB, sectorsPerCluster: 1 }, FILES);

/** FAT32 for a small volume, which mtools would refuse to fill: our own code does, and `fsck` has seen that it can. */
async function fat32(): Promise<Buffer> {
  const device = new MemoryDevice(tools.make({ type: 32, sizeBytes: MIB, sectorsPerCluster: 1 }));
  const volume = await FatVolume.open(device, () => new Date(0));
  for (const [path, content] of Object.entries(FILES)) await volume?.replace(path, Buffer.from(content));
  return device.bytes;
}

/** Where mutations do something: tables, boot sector, FATs, directories. */
interface Subject {
  readonly name: string;
  readonly bytes: Buffer;
  readonly hot: readonly (readonly [from: number, to: number])[];
}

async function subjects(): Promise<Subject[]> {
  const fat12 = fat(12, 1);
  const gpt = makeDisk('gpt', 3, [
    { startMib: 1, sizeMib: 1, type: 'U', name: 'resin-boot', content: fat12 },
  ]);
  const mbr = makeDisk('dos', 5, [
    { startMib: 1, sizeMib: 1, type: 'c', content: fat12 },
    { startMib: 2, sizeMib: 3, type: 'E' },
    { startMib: 3, sizeMib: 1, type: '83' },
  ]);
  const volumes = [
    { name: 'a FAT16 volume', bytes: fat(16, 3) },
    { name: 'a FAT32 volume', bytes: await fat32() },
  ];
  return [
    { name: 'an MBR disk', bytes: mbr, hot: [inside(446, 66), inside(2 * MIB + 446, 66), inside(MIB, 512)] },
    {
      name: 'a GPT disk',
      bytes: gpt,
      hot: [inside(446, 66), inside(512, 92), inside(1024, 256), inside(MIB, 512)],
    },
    ...volumes.map(({ name, bytes }) => ({ name, bytes, hot: hotSpots(bytes) })),
  ];
}

const inside = (start: number, length: number): [number, number] => [start, start + length];

/** Boot sector, the beginning of the FAT, and every directory with something of ours in it. */
function hotSpots(bytes: Buffer): [number, number][] {
  const fatOffset = bytes.readUInt16LE(14) * 512;
  const directories = ['CONFIG', 'RESIN-', 'ALONGN'].map((name) => bytes.indexOf(name));
  expect(directories).not.toContain(-1);
  const spots = directories.map((at) => inside(Math.floor(at / 512) * 512, 512));
  return [inside(0, 90), inside(fatOffset, 256), ...spots];
}

const settings = resolveSettings(
  { hostname: 'kitchen', wifi: { ssid: Buffer.from('home'), security: 'open' } },
  {
    readFile: () => Promise.reject(new Error('no file is read')),
    readStdin: () => Promise.reject(new Error('nothing is piped')),
    readCertificate: () => Promise.reject(new Error('no certificate is read')),
    wifiKey: undefined,
  },
);

/** Configures a mutated medium. Whatever comes of it: nothing outside of the partitions that its table names is written. */
async function attempt(bytes: Buffer): Promise<'configured' | 'refused'> {
  const device = new MemoryDevice(bytes);
  try {
    await applyConfiguration(
      device,
      await settings,
      (slice) => FatVolume.open(slice, () => new Date(0)),
      new AbortController().signal,
    );
    return 'configured';
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return 'refused';
  } finally {
    await expectInside(device);
  }
}

async function expectInside(device: MemoryDevice): Promise<void> {
  if (device.writes.length === 0) return;
  const { partitions } = await readPartitionTable(device);
  const ranges = partitions.length > 0 ? partitions : [{ offset: 0, sizeBytes: device.sizeBytes }];
  const isInside = ({ offset, sizeBytes }: { offset: number; sizeBytes: number }): boolean =>
    device.writes.every(
      (write) => write.offset >= offset && write.offset + write.data.length <= offset + sizeBytes,
    );
  expect(ranges.some(isInside)).toBe(true);
}

describe('a mutated medium never hangs or crashes us, nor makes us write outside of its boot partition:', () => {
  let all: Subject[] = [];
  beforeAll(async () => {
    all = await subjects();
  });

  const names = ['an MBR disk', 'a GPT disk', 'a FAT16 volume', 'a FAT32 volume'];
  it.each(names)('%s', { timeout: 300_000 }, async (name) => {
    const subject = all.find((candidate) => candidate.name === name);
    if (subject === undefined) throw new Error(`no ${name}`);
    const mutator = new Mutator(name, subject.hot);
    const outcomes = { configured: 0, refused: 0 };
    let slowestMs = 0;
    for (let index = 0; index < CASES_EACH; index++) {
      const mutated = mutator.mutate(subject.bytes);
      const before = performance.now();
      outcomes[await attempt(mutated)]++;
      slowestMs = Math.max(slowestMs, performance.now() - before);
      if (index % 50 === 0) await turn();
    }
    expect(slowestMs).toBeLessThan(LIMIT_MS);
    expect(outcomes.configured).toBeGreaterThan(CASES_EACH / 100);
    expect(outcomes.refused).toBeGreaterThan(CASES_EACH / 100);
  });
});
