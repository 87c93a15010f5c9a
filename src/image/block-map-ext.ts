import type { BlockReader, ByteRange } from './block-device.js';
import { sliceReader } from './block-device.js';
import { readPartitionTable } from './partition-table.js';

/** Shorter free runs are written along: a seek on a card costs more than they do. */
const MIN_RUN_BYTES = 64 * 1024;
/** Runs are cut to what drives with 4 KiB sectors can address. */
const GRAIN = 4096;

const MAGIC = 0xef53;
const STATE_CLEAN = 1;
const STATE_ERRORS = 2;
const COMPAT_SPARSE_SUPER2 = 0x200;
const INCOMPAT_RECOVER = 0x4;
const INCOMPAT_JOURNAL_DEVICE = 0x8;
const INCOMPAT_META_BG = 0x10;
const INCOMPAT_64BIT = 0x80;
const RO_COMPAT_SPARSE_SUPER = 0x1;
const RO_COMPAT_BIGALLOC = 0x200;
/** Of group descriptors (`uninit_bg`), or of all metadata. */
const RO_COMPAT_CHECKSUMS = 0x410;
const GROUP_BLOCKS_UNINITIALISED = 0x2;

interface ExtLayout {
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly inodeTableBlocks: number;
  readonly inodeBytes: number;
  readonly journalInode: number;
  /** Group descriptors have checksums, and what they say of unused inodes counts. */
  readonly hasUnusedInodes: boolean;
  readonly descriptorBytes: number;
  readonly reservedDescriptorBlocks: number;
  readonly sparseSuper: boolean;
}

interface ExtGroup {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly bitmapIsMissing: boolean;
  /** At the end of the inode table. */
  readonly unusedInodes: number;
}

/** An ext file system that is clean, and of a layout that is known here. */
export interface ExtVolume {
  readonly layout: ExtLayout;
  readonly groups: readonly ExtGroup[];
}

/**
 * The runs of blocks that no ext2/3/4 file system of a partitioned image uses. A file system that is not clean, or whose layout
 * this does not know, counts as used throughout: at worst too much is written.
 */
export async function unusedExtRanges(image: BlockReader): Promise<ByteRange[]> {
  const { partitions } = await readPartitionTable(image);
  const ranges: ByteRange[] = [];
  for (const partition of partitions) {
    if (partition.offset + partition.sizeBytes > image.sizeBytes) continue;
    const unused = await unusedInFileSystem(sliceReader(image, partition));
    ranges.push(...unused.flatMap((run) => cutToGrain(run, partition.offset)));
  }
  return ranges;
}

function cutToGrain(run: ByteRange, base: number): ByteRange[] {
  const start = Math.ceil((base + run.offset) / GRAIN) * GRAIN;
  const end = Math.floor((base + run.offset + run.sizeBytes) / GRAIN) * GRAIN;
  return end - start >= MIN_RUN_BYTES ? [{ offset: start, sizeBytes: end - start }] : [];
}

async function unusedInFileSystem(volume: BlockReader): Promise<ByteRange[]> {
  const ext = await readExtVolume(volume);
  return ext === undefined ? [] : freeRuns(await usedBlocks(volume, ext), ext.layout);
}

/** Undefined for every other file system, and for one whose bitmaps cannot be relied on. */
export async function readExtVolume(volume: BlockReader): Promise<ExtVolume | undefined> {
  const layout = volume.sizeBytes < 4096 ? undefined : parseSuperblock(await volume.read(1024, 1024));
  if (layout === undefined || layout.blockCount * layout.blockBytes > volume.sizeBytes) return undefined;
  const groups = await readGroups(volume, layout);
  return groups && { layout, groups };
}

function parseSuperblock(bytes: Buffer): ExtLayout | undefined {
  const state = bytes.readUInt16LE(58);
  const compat = bytes.readUInt32LE(92);
  const incompat = bytes.readUInt32LE(96);
  const roCompat = bytes.readUInt32LE(100);
  const known =
    bytes.readUInt16LE(56) === MAGIC &&
    (state & (STATE_CLEAN | STATE_ERRORS)) === STATE_CLEAN &&
    (incompat & (INCOMPAT_RECOVER | INCOMPAT_JOURNAL_DEVICE | INCOMPAT_META_BG)) === 0 &&
    (roCompat & RO_COMPAT_BIGALLOC) === 0 &&
    (compat & COMPAT_SPARSE_SUPER2) === 0;
  if (!known) return undefined;
  const is64Bit = (incompat & INCOMPAT_64BIT) !== 0;
  const blockBytes = 1024 * 2 ** bytes.readUInt32LE(24);
  const inodeBytes = bytes.readUInt32LE(76) === 0 ? 128 : bytes.readUInt16LE(88);
  const layout = {
    blockBytes,
    blockCount: bytes.readUInt32LE(4) + (is64Bit ? bytes.readUInt32LE(336) * 2 ** 32 : 0),
    firstDataBlock: bytes.readUInt32LE(20),
    blocksPerGroup: bytes.readUInt32LE(32),
    inodeTableBlocks: Math.ceil((bytes.readUInt32LE(40) * inodeBytes) / blockBytes),
    inodeBytes,
    journalInode: bytes.readUInt32LE(224),
    hasUnusedInodes: (roCompat & RO_COMPAT_CHECKSUMS) !== 0,
    descriptorBytes: is64Bit ? bytes.readUInt16LE(254) : 32,
    reservedDescriptorBlocks: bytes.readUInt16LE(206),
    sparseSuper: (roCompat & RO_COMPAT_SPARSE_SUPER) !== 0,
  };
  return isSane(layout) ? layout : undefined;
}

/** A bitmap is one block, so a group has at most eight blocks for each of its bytes. */
const isSane = (layout: ExtLayout): boolean =>
  layout.blockBytes <= 65536 &&
  layout.blocksPerGroup > 0 &&
  layout.blocksPerGroup <= layout.blockBytes * 8 &&
  layout.descriptorBytes >= 32 &&
  layout.descriptorBytes <= 1024 &&
  layout.blockCount > layout.firstDataBlock &&
  layout.blockCount < 2 ** 32;

const groupCount = (layout: ExtLayout): number =>
  Math.ceil((layout.blockCount - layout.firstDataBlock) / layout.blocksPerGroup);

const descriptorBlocks = (layout: ExtLayout): number =>
  Math.ceil((groupCount(layout) * layout.descriptorBytes) / layout.blockBytes);

/** Undefined when a descriptor points out of the file system: then nothing it says can be relied on. */
async function readGroups(volume: BlockReader, layout: ExtLayout): Promise<ExtGroup[] | undefined> {
  const start = (layout.firstDataBlock + 1) * layout.blockBytes;
  const length = descriptorBlocks(layout) * layout.blockBytes;
  if (start + length > volume.sizeBytes) return undefined;
  const table = await volume.read(start, length);
  const groups = Array.from({ length: groupCount(layout) }, (_, index) =>
    parseGroup(table.subarray(index * layout.descriptorBytes, (index + 1) * layout.descriptorBytes)),
  );
  return groups.every((group) => isInside(group, layout)) ? groups : undefined;
}

function parseGroup(bytes: Buffer): ExtGroup {
  const block = (low: number, high: number): number =>
    bytes.readUInt32LE(low) + (bytes.length >= 64 ? bytes.readUInt32LE(high) * 2 ** 32 : 0);
  return {
    blockBitmap: block(0, 32),
    inodeBitmap: block(4, 36),
    inodeTable: block(8, 40),
    bitmapIsMissing: (bytes.readUInt16LE(18) & GROUP_BLOCKS_UNINITIALISED) !== 0,
    unusedInodes: bytes.readUInt16LE(28) + (bytes.length >= 64 ? bytes.readUInt16LE(50) * 2 ** 16 : 0),
  };
}

const isInside = (group: ExtGroup, layout: ExtLayout): boolean =>
  Math.max(group.blockBitmap, group.inodeBitmap) < layout.blockCount &&
  group.inodeTable + layout.inodeTableBlocks <= layout.blockCount;

/** One byte a block, 1 for used. */
export async function usedBlocks(volume: BlockReader, { layout, groups }: ExtVolume): Promise<Uint8Array> {
  const used = new Uint8Array(layout.blockCount).fill(1, 0, layout.firstDataBlock);
  for (const [index, group] of groups.entries()) {
    const start = layout.firstDataBlock + index * layout.blocksPerGroup;
    if (group.bitmapIsMissing) {
      if (hasSuperblock(index, layout)) used.fill(1, start, start + backupBlocks(layout));
    } else {
      markBitmap(
        used,
        start,
        layout,
        await volume.read(group.blockBitmap * layout.blockBytes, layout.blockBytes),
      );
    }
    used[group.blockBitmap] = 1;
    used[group.inodeBitmap] = 1;
    used.fill(1, group.inodeTable, group.inodeTable + layout.inodeTableBlocks);
  }
  return used;
}

const backupBlocks = (layout: ExtLayout): number =>
  1 + descriptorBlocks(layout) + layout.reservedDescriptorBlocks;

function hasSuperblock(group: number, layout: ExtLayout): boolean {
  if (!layout.sparseSuper || group <= 1) return true;
  return [3, 5, 7].some((base) => {
    let power = base;
    while (power < group) power *= base;
    return power === group;
  });
}

function markBitmap(used: Uint8Array, start: number, layout: ExtLayout, bitmap: Buffer): void {
  const count = Math.min(layout.blocksPerGroup, layout.blockCount - start);
  for (let index = 0; index < count; index += 1) {
    if (((bitmap[index >> 3] ?? 0xff) >> (index & 7)) & 1) used[start + index] = 1;
  }
}

function freeRuns(used: Uint8Array, layout: ExtLayout): ByteRange[] {
  const runs: ByteRange[] = [];
  let start = used.indexOf(0);
  while (start >= 0) {
    const next = used.indexOf(1, start);
    const end = next < 0 ? used.length : next;
    runs.push({ offset: start * layout.blockBytes, sizeBytes: (end - start) * layout.blockBytes });
    start = used.indexOf(0, end);
  }
  return runs;
}
