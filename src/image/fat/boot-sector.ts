import type { ByteRange } from '../block-device.js';

export type FatType = 12 | 16 | 32;

/** Where a FAT volume keeps what, all in bytes from its start. Every range is known to lie inside the volume. */
export interface FatGeometry {
  readonly type: FatType;
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  /** Clusters are numbered from 2 to `clusterCount + 1`. */
  readonly clusterCount: number;
  /** Each copy of the FAT that must be written, the one to read first. */
  readonly fatOffsets: readonly number[];
  readonly fatBytes: number;
  readonly root: FixedRoot | ChainedRoot;
  readonly dataOffset: number;
  /** FAT32 only, and only where the boot sector names one. */
  readonly fsInfoOffset: number | undefined;
  /** From the boot sector, trimmed; the root directory's own label wins over it. */
  readonly label: string;
}

export interface FixedRoot extends ByteRange {
  readonly kind: 'fixed';
}

export interface ChainedRoot {
  readonly kind: 'chain';
  readonly firstCluster: number;
}

interface Layout {
  readonly sectorBytes: number;
  readonly sectorsPerCluster: number;
  readonly reservedSectors: number;
  readonly fatCount: number;
  readonly rootEntries: number;
  readonly fatSectors: number;
  readonly totalSectors: number;
  readonly isFat32: boolean;
}

export const BOOT_SECTOR_BYTES = 512;
const SECTOR_SIZES = [512, 1024, 2048, 4096];
const RECORD_BYTES = 32;
/** From here on a volume with a 16-bit FAT size is FAT16 (the rule of the specification and of Linux). */
const FIRST_FAT16_COUNT = 4085;
const MAX_FAT16_COUNT = 65_524;
const MAX_FAT32_COUNT = 0x0ffffff5;

/** Reads the first 512 bytes of a volume of `sizeBytes`. Undefined when that is no FAT volume, or one that does not fit its own size. */
export function parseBootSector(sector: Buffer, sizeBytes: number): FatGeometry | undefined {
  if (sector.length < BOOT_SECTOR_BYTES || sector.readUInt16LE(510) !== 0xaa55) return undefined;
  const layout = readLayout(sector);
  if (!isSane(layout, sizeBytes)) return undefined;
  return layout.isFat32 ? fat32Geometry(sector, layout) : fat16Geometry(sector, layout);
}

function readLayout(sector: Buffer): Layout {
  const shortFatSectors = sector.readUInt16LE(22);
  const shortTotal = sector.readUInt16LE(19);
  return {
    sectorBytes: sector.readUInt16LE(11),
    sectorsPerCluster: sector.readUInt8(13),
    reservedSectors: sector.readUInt16LE(14),
    fatCount: sector.readUInt8(16),
    rootEntries: sector.readUInt16LE(17),
    fatSectors: shortFatSectors === 0 ? sector.readUInt32LE(36) : shortFatSectors,
    totalSectors: shortTotal === 0 ? sector.readUInt32LE(32) : shortTotal,
    isFat32: shortFatSectors === 0,
  };
}

function isSane(layout: Layout, sizeBytes: number): boolean {
  const perCluster = layout.sectorsPerCluster;
  return (
    SECTOR_SIZES.includes(layout.sectorBytes) &&
    perCluster > 0 &&
    (perCluster & (perCluster - 1)) === 0 &&
    layout.reservedSectors > 0 &&
    layout.fatCount > 0 &&
    layout.fatCount <= 4 &&
    layout.fatSectors > 0 &&
    (layout.rootEntries * RECORD_BYTES) % layout.sectorBytes === 0 &&
    layout.rootEntries > 0 !== layout.isFat32 &&
    layout.totalSectors * layout.sectorBytes <= sizeBytes &&
    clusterCount(layout) > 0
  );
}

const rootSectors = (layout: Layout): number => (layout.rootEntries * RECORD_BYTES) / layout.sectorBytes;

const dataSector = (layout: Layout): number =>
  layout.reservedSectors + layout.fatCount * layout.fatSectors + rootSectors(layout);

const clusterCount = (layout: Layout): number =>
  Math.floor((layout.totalSectors - dataSector(layout)) / layout.sectorsPerCluster);

/** A FAT too short for the data area bounds the clusters, as in Linux. */
function addressable(layout: Layout, type: FatType): number {
  const entries = Math.floor((layout.fatSectors * layout.sectorBytes * 8) / type);
  return Math.min(clusterCount(layout), entries - 2);
}

function sharedGeometry(layout: Layout, type: FatType): Omit<FatGeometry, 'root' | 'fsInfoOffset' | 'label'> {
  const fatBytes = layout.fatSectors * layout.sectorBytes;
  const firstFat = layout.reservedSectors * layout.sectorBytes;
  return {
    type,
    sectorBytes: layout.sectorBytes,
    clusterBytes: layout.sectorsPerCluster * layout.sectorBytes,
    clusterCount: addressable(layout, type),
    fatOffsets: Array.from({ length: layout.fatCount }, (_, index) => firstFat + index * fatBytes),
    fatBytes,
    dataOffset: dataSector(layout) * layout.sectorBytes,
  };
}

function fat16Geometry(sector: Buffer, layout: Layout): FatGeometry | undefined {
  const type = clusterCount(layout) < FIRST_FAT16_COUNT ? 12 : 16;
  const geometry = sharedGeometry(layout, type);
  if (geometry.clusterCount < 1 || geometry.clusterCount > MAX_FAT16_COUNT) return undefined;
  const sizeBytes = rootSectors(layout) * layout.sectorBytes;
  return {
    ...geometry,
    root: { kind: 'fixed', offset: geometry.dataOffset - sizeBytes, sizeBytes },
    fsInfoOffset: undefined,
    label: labelAt(sector, 38),
  };
}

function fat32Geometry(sector: Buffer, layout: Layout): FatGeometry | undefined {
  const geometry = sharedGeometry(layout, 32);
  const firstCluster = sector.readUInt32LE(44);
  const version = sector.readUInt16LE(42);
  if (geometry.clusterCount < 1 || geometry.clusterCount > MAX_FAT32_COUNT || version !== 0) return undefined;
  if (firstCluster < 2 || firstCluster > geometry.clusterCount + 1) return undefined;
  const fatOffsets = activeFats(sector.readUInt16LE(40), geometry.fatOffsets);
  if (fatOffsets.length === 0) return undefined;
  return {
    ...geometry,
    fatOffsets,
    root: { kind: 'chain', firstCluster },
    fsInfoOffset: fsInfoOffset(sector.readUInt16LE(48), layout),
    label: labelAt(sector, 66),
  };
}

/** Bit 7 of the flags switches mirroring off; then only the copy that the low bits name is alive. */
function activeFats(flags: number, fatOffsets: readonly number[]): readonly number[] {
  if ((flags & 0x80) === 0) return fatOffsets;
  return fatOffsets.slice(flags & 0x0f, (flags & 0x0f) + 1);
}

const fsInfoOffset = (sector: number, layout: Layout): number | undefined =>
  sector > 0 && sector < layout.reservedSectors ? sector * layout.sectorBytes : undefined;

/** The label follows the signature byte 0x29 and the serial number. */
function labelAt(sector: Buffer, signatureOffset: number): string {
  if (sector.readUInt8(signatureOffset) !== 0x29) return '';
  return sector.toString('latin1', signatureOffset + 5, signatureOffset + 16).trimEnd();
}
