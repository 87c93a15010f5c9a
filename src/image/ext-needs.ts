import { type BlockReader, type ByteRange, sliceReader } from './block-device.js';
import { wholeSectors } from './block-map.js';
import { type ExtVolume, readExtVolume, usedBlocks } from './block-map-ext.js';
import { readPartitionTable } from './partition-table.js';

const FLAG_EXTENTS = 0x80000;
const EXTENT_MAGIC = 0xf30a;
const EXTENT_BYTES = 12;
const MAX_EXTENT_BLOCKS = 32_768;
const MIN_INODE_BYTES = 128;

/**
 * What the ext file systems of a partitioned image need: all blocks in use, but for those that `mke2fs` leaves as holes and nobody reads
 * before they were written, the unused ends of inode tables and the inside of the journal. Nothing for file systems that are not clean,
 * or whose layout is not known here.
 */
export async function rangesOfExtVolumes(image: BlockReader): Promise<ByteRange[]> {
  const { partitions } = await readPartitionTable(image);
  const ranges: ByteRange[] = [];
  for (const partition of partitions) {
    if (partition.offset + partition.sizeBytes > image.sizeBytes) continue;
    const volume = sliceReader(image, partition);
    const ext = await readExtVolume(volume);
    if (ext === undefined) continue;
    const needed = await neededBlocks(volume, ext);
    ranges.push(
      ...runsOf(needed, ext.layout.blockBytes).map((run) =>
        wholeSectors(run, partition.offset, image.sizeBytes),
      ),
    );
  }
  return ranges;
}

/** One byte a block, 1 for needed. */
async function neededBlocks(volume: BlockReader, ext: ExtVolume): Promise<Uint8Array> {
  const { layout, groups } = ext;
  const needed = await usedBlocks(volume, ext);
  for (const { inodeTable, unusedInodes } of layout.hasUnusedInodes ? groups : []) {
    const end = inodeTable + layout.inodeTableBlocks;
    const unusedBlocks = Math.floor((unusedInodes * layout.inodeBytes) / layout.blockBytes);
    needed.fill(0, Math.max(end - unusedBlocks, inodeTable), end);
  }
  for (const { first, count } of await journalExtents(volume, ext)) needed.fill(0, first, first + count);
  return needed;
}

/** Without the journal's first block, which describes it. Empty when its extents are not all in its inode. */
async function journalExtents(
  volume: BlockReader,
  { layout, groups }: ExtVolume,
): Promise<{ first: number; count: number }[]> {
  const table = groups[0]?.inodeTable;
  const place = (layout.journalInode - 1) * layout.inodeBytes;
  const isInside = place >= 0 && place + MIN_INODE_BYTES <= layout.inodeTableBlocks * layout.blockBytes;
  if (table === undefined || !isInside) return [];
  const inode = await volume.read(table * layout.blockBytes + place, MIN_INODE_BYTES);
  const isTree = (inode.readUInt32LE(32) & FLAG_EXTENTS) === 0 || inode.readUInt16LE(40) !== EXTENT_MAGIC;
  const extentCount = inode.readUInt16LE(42);
  if (isTree || extentCount > 4 || inode.readUInt16LE(46) !== 0) return [];
  return Array.from({ length: extentCount }, (_, index) => {
    const extent = inode.subarray(52 + index * EXTENT_BYTES, 52 + (index + 1) * EXTENT_BYTES);
    const skipped = extent.readUInt32LE(0) === 0 ? 1 : 0;
    const start = extent.readUInt16LE(6) * 2 ** 32 + extent.readUInt32LE(8);
    const length = extent.readUInt16LE(4);
    return { first: start + skipped, count: length > MAX_EXTENT_BLOCKS ? 0 : Math.max(length - skipped, 0) };
  });
}

function runsOf(needed: Uint8Array, blockBytes: number): ByteRange[] {
  const runs: ByteRange[] = [];
  for (let start = needed.indexOf(1); start >= 0; ) {
    const next = needed.indexOf(0, start);
    const end = next < 0 ? needed.length : next;
    runs.push({ offset: start * blockBytes, sizeBytes: (end - start) * blockBytes });
    start = needed.indexOf(1, end);
  }
  return runs;
}
