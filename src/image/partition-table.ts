import type { BlockReader } from './block-device.js';
import { readGpt } from './gpt.js';
import type { Partition } from './partition.js';

/** `none`: no table at all (a bare file system, or anything else). An MBR without entries is `mbr` with no partitions. */
export interface PartitionTable {
  readonly kind: 'mbr' | 'gpt' | 'none';
  readonly partitions: readonly Partition[];
}

/** Partition tables count in sectors of 512 bytes in every image (drives with 4 KiB sectors only with GPT, see gpt.ts). */
const SECTOR = 512;
const SIGNATURE = 0xaa55;
const GPT_PROTECTIVE = 0xee;
const EXTENDED_TYPES: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
/** An EBR chain is a linked list on the medium: a hostile one may be cyclic or endless. */
const MAX_LOGICAL_PARTITIONS = 64;

interface MbrEntry {
  readonly active: number;
  readonly type: number;
  readonly startSector: number;
  readonly sectors: number;
}

/**
 * Reads MBR (with logical partitions) or GPT. Extended partitions themselves are not listed.
 * Throws an `RdtError` when a protective MBR announces a GPT and neither of its copies is readable.
 */
export async function readPartitionTable(reader: BlockReader): Promise<PartitionTable> {
  const entries = await readMbrSector(reader, 0);
  if (entries === undefined || !entries.every(isPlausible)) return { kind: 'none', partitions: [] };
  if (entries.some((entry) => entry.type === GPT_PROTECTIVE)) {
    return { kind: 'gpt', partitions: await readGpt(reader) };
  }
  const partitions = entries.flatMap((entry, index) => toPrimary(entry, index + 1));
  const extended = entries.find((entry) => EXTENDED_TYPES.has(entry.type));
  const logical = extended === undefined ? [] : await readLogical(reader, extended.startSector);
  return { kind: 'mbr', partitions: [...partitions, ...logical] };
}

/** The four entries of a sector with the boot signature; undefined without one, or outside of the medium. */
async function readMbrSector(reader: BlockReader, sector: number): Promise<MbrEntry[] | undefined> {
  const offset = sector * SECTOR;
  if (offset + SECTOR > reader.sizeBytes) return undefined;
  const bytes = await reader.read(offset, SECTOR);
  if (bytes.readUInt16LE(510) !== SIGNATURE) return undefined;
  return [446, 462, 478, 494].map((at) => ({
    active: bytes.readUInt8(at),
    type: bytes.readUInt8(at + 4),
    startSector: bytes.readUInt32LE(at + 8),
    sectors: bytes.readUInt32LE(at + 12),
  }));
}

/** A bare FAT volume has the same signature, but boot code where the entries would be. */
const isPlausible = (entry: MbrEntry): boolean =>
  (entry.active === 0x00 || entry.active === 0x80) && (entry.type === 0 || entry.startSector > 0);

const isUsed = (entry: MbrEntry): boolean => entry.type !== 0 && entry.sectors > 0;

function toPrimary(entry: MbrEntry, number: number): Partition[] {
  return isUsed(entry) && !EXTENDED_TYPES.has(entry.type) ? [toPartition(entry, number, 0)] : [];
}

function toPartition(entry: MbrEntry, number: number, baseSector: number): Partition {
  return {
    number,
    name: '',
    type: `0x${entry.type.toString(16).padStart(2, '0')}`,
    offset: (baseSector + entry.startSector) * SECTOR,
    sizeBytes: entry.sectors * SECTOR,
  };
}

/** Logical partitions count from their own EBR, links from the start of the extended partition. */
async function readLogical(reader: BlockReader, extendedStart: number): Promise<Partition[]> {
  const partitions: Partition[] = [];
  const seen = new Set<number>();
  let sector = extendedStart;
  while (!seen.has(sector) && seen.size < MAX_LOGICAL_PARTITIONS) {
    seen.add(sector);
    const [data, link] = (await readMbrSector(reader, sector)) ?? [];
    if (data !== undefined && isUsed(data)) partitions.push(toPartition(data, 5 + partitions.length, sector));
    if (link === undefined || !EXTENDED_TYPES.has(link.type) || link.startSector === 0) break;
    sector = extendedStart + link.startSector;
  }
  return partitions;
}
