import { expect, vi } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { readPartitionTable } from '../../../src/image/partition-table.js';
import { FatTools, VOLUMES } from './medium/fat-tools.js';
import { makeDisk } from './medium/disk-image.js';
import { MemoryDevice } from './medium/memory-device.js';
import { DISK_PROGRAMS, withPrograms } from './medium/with-programs.js';

const { describe, it } = withPrograms(...DISK_PROGRAMS);
// The programs of Debian that judge here wait for a processor like everybody.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MIB = 1 << 20;

const read = async (bytes: Buffer): ReturnType<typeof readPartitionTable> =>
  readPartitionTable(new MemoryDevice(bytes));

/** As resinOS 2.0 lays out a card. */
const resin = (): Buffer =>
  makeDisk('dos', 32, [
    { startMib: 4, sizeMib: 8, type: 'c' },
    { startMib: 12, sizeMib: 4, type: '83' },
    { startMib: 16, sizeMib: 4, type: '83' },
    { startMib: 20, sizeMib: 12, type: 'E' },
    { startMib: 21, sizeMib: 2, type: '83' },
    { startMib: 24, sizeMib: 4, type: '83' },
  ]);

describe('an MBR', () => {
  it('gives primary and logical partitions as Linux numbers them, and no extended one', async () => {
    const { kind, partitions } = await read(resin());
    expect(kind).toBe('mbr');
    expect(
      partitions.map(({ number, offset, sizeBytes, type }) => [number, offset / MIB, sizeBytes / MIB, type]),
    ).toEqual([
      [1, 4, 8, '0x0c'],
      [2, 12, 4, '0x83'],
      [3, 16, 4, '0x83'],
      [5, 21, 2, '0x83'],
      [6, 24, 4, '0x83'],
    ]);
  });

  it('may be empty, as in images for the Intel Edison', async () => {
    const bytes = Buffer.alloc(MIB);
    bytes.writeUInt16LE(0xaa55, 510);
    expect(await read(bytes)).toEqual({ kind: 'mbr', partitions: [] });
  });

  it('with a chain of extended partitions that runs in a circle comes to an end', async () => {
    const bytes = resin();
    const extended = 20 * MIB;
    const secondEbr = extended + bytes.readUInt32LE(extended + 478 + 8) * 512;
    bytes.writeUInt8(0x05, secondEbr + 478 + 4);
    bytes.writeUInt32LE(bytes.readUInt32LE(extended + 478 + 8), secondEbr + 478 + 8);
    expect((await read(bytes)).partitions).toHaveLength(5);
  });

  it('with an endless chain of extended partitions gives the first 64', async () => {
    const bytes = Buffer.alloc(200 * 512);
    const entry = (sector: number, slot: number, type: number, start: number): void => {
      bytes.writeUInt16LE(0xaa55, sector * 512 + 510);
      bytes.writeUInt8(type, sector * 512 + 446 + slot * 16 + 4);
      bytes.writeUInt32LE(start, sector * 512 + 446 + slot * 16 + 8);
      bytes.writeUInt32LE(1, sector * 512 + 446 + slot * 16 + 12);
    };
    entry(0, 0, 0x0f, 1);
    for (let sector = 1; sector < 199; sector++) {
      entry(sector, 0, 0x83, 1);
      entry(sector, 1, 0x05, sector);
    }
    expect((await read(bytes)).partitions).toHaveLength(64);
  });
});

describe('a GPT', () => {
  const gpt = (): Buffer =>
    makeDisk('gpt', 16, [
      { startMib: 1, sizeMib: 4, type: 'U', name: 'flash-boot' },
      { startMib: 5, sizeMib: 4, type: 'L', name: 'Ünïcode' },
    ]);

  it('gives names, types and places', async () => {
    expect(await read(gpt())).toEqual({
      kind: 'gpt',
      partitions: [
        {
          number: 1,
          name: 'flash-boot',
          type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
          offset: MIB,
          sizeBytes: 4 * MIB,
        },
        {
          number: 2,
          name: 'Ünïcode',
          type: '0fc63daf-8483-4772-8e79-3d69d8477de4',
          offset: 5 * MIB,
          sizeBytes: 4 * MIB,
        },
      ],
    });
  });

  it.each([
    ['header', 512 + 40],
    ['entries', 1024 + 56],
  ])('is read from its copy at the end when the first %s is damaged', async (_, offset) => {
    const bytes = gpt();
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 0xff, offset);
    expect((await read(bytes)).partitions.map(({ name }) => name)).toEqual(['flash-boot', 'Ünïcode']);
  });

  it('is refused when both copies are damaged', async () => {
    const bytes = gpt();
    bytes.writeUInt8(0, 512);
    bytes.writeUInt8(0, bytes.length - 512);
    await expect(read(bytes)).rejects.toThrow(RdtError);
  });

  it('in sectors of 4096 bytes is read', async () => {
    const small = gpt();
    // The same table, each sector in one of 4096 bytes: places in it stay numbers of sectors.
    const large = Buffer.alloc(64 * MIB);
    small.copy(large, 0, 0, 512);
    small.copy(large, 4096, 512, 1024);
    small.copy(large, 8192, 1024, 1024 + 128 * 128);
    const [boot] = (await read(large)).partitions;
    expect(boot).toMatchObject({ name: 'flash-boot', offset: 8 * MIB, sizeBytes: 32 * MIB });
  });
});

describe('no partition table', () => {
  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(MIB)],
    ['a text', Buffer.from('hello '.repeat(1000))],
  ])('is what %s has', async (_, bytes) => {
    expect(await read(bytes)).toEqual({ kind: 'none', partitions: [] });
  });

  it('is what a bare FAT volume has, whatever code stands where entries would be', async () => {
    using tools = new FatTools();
    const bytes = tools.make(VOLUMES.fat16);
    bytes.fill(0x77, 446, 510);
    expect(await read(bytes)).toEqual({ kind: 'none', partitions: [] });
  });
});
