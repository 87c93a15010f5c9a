import type { BlockDevice } from '../block-device.js';
import { damaged } from './damaged.js';
import {
  ATTRIBUTE,
  END,
  ERASED,
  isNamePiece,
  type NamePiece,
  parseNamePiece,
  parseShortRecord,
  RECORD_BYTES,
  shortNameChecksum,
} from './dir-record.js';
import { decodeShortName, sameName } from './names.js';

/** 65,536 records are the most that FAT allows in a directory. */
export const MAX_DIRECTORY_BYTES = 65_536 * RECORD_BYTES;

export interface DirectoryEntry {
  /** The long name where there is a valid one. */
  readonly name: string;
  readonly shortName: string;
  readonly isDirectory: boolean;
  /** 0 for an empty file, and for `..` of a directory in the root. */
  readonly firstCluster: number;
  readonly sizeBytes: number;
  /** The first of its records, and its short record. */
  readonly firstSlot: number;
  readonly lastSlot: number;
}

/** The sectors of one directory, read as a whole. `sectorOffsets[i]` is where sector `i` of it lies in the volume. */
export class Directory {
  constructor(
    readonly device: BlockDevice,
    readonly sectorBytes: number,
    readonly sectorOffsets: readonly number[],
    readonly bytes: Buffer,
  ) {}

  static async load(
    device: BlockDevice,
    sectorBytes: number,
    sectorOffsets: readonly number[],
  ): Promise<Directory> {
    if (sectorOffsets.length * sectorBytes > MAX_DIRECTORY_BYTES) throw damaged('a directory is too long');
    const sectors: Buffer[] = [];
    for (const offset of sectorOffsets) sectors.push(await device.read(offset, sectorBytes));
    return new Directory(device, sectorBytes, sectorOffsets, Buffer.concat(sectors));
  }

  get slotCount(): number {
    return this.bytes.length / RECORD_BYTES;
  }

  get slotsPerSector(): number {
    return this.sectorBytes / RECORD_BYTES;
  }

  record(slot: number): Buffer {
    return this.bytes.subarray(slot * RECORD_BYTES, (slot + 1) * RECORD_BYTES);
  }

  firstByte(slot: number): number {
    return this.bytes.readUInt8(slot * RECORD_BYTES);
  }

  /** The first slot that no reader looks at any more. */
  get endSlot(): number {
    for (let slot = 0; slot < this.slotCount; slot++) if (this.firstByte(slot) === END) return slot;
    return this.slotCount;
  }

  find(name: string): DirectoryEntry | undefined {
    return this.entries().find((entry) => sameName(entry.name, name) || sameName(entry.shortName, name));
  }

  /** Files and directories, without `.`, `..` and the volume label. */
  entries(): DirectoryEntry[] {
    return this.#shortSlots()
      .filter((slot) => (this.record(slot).readUInt8(11) & ATTRIBUTE.volumeLabel) === 0)
      .map((slot) => this.#entryAt(slot))
      .filter((entry) => entry.shortName !== '.' && entry.shortName !== '..');
  }

  volumeLabel(): string | undefined {
    const slot = this.#shortSlots().find(
      (candidate) => (this.record(candidate).readUInt8(11) & ATTRIBUTE.volumeLabel) !== 0,
    );
    return slot === undefined ? undefined : this.record(slot).toString('latin1', 0, 11).trimEnd();
  }

  #shortSlots(): number[] {
    const slots: number[] = [];
    const end = this.endSlot;
    for (let slot = 0; slot < end; slot++) {
      if (this.firstByte(slot) !== ERASED && !isNamePiece(this.record(slot))) slots.push(slot);
    }
    return slots;
  }

  #entryAt(slot: number): DirectoryEntry {
    const record = this.record(slot);
    const { shortName, attributes, firstCluster, sizeBytes } = parseShortRecord(record);
    const long = this.#longNameBefore(slot, shortNameChecksum(shortName));
    return {
      name: long?.name ?? decodeShortName(shortName, record.readUInt8(12)),
      shortName: decodeShortName(shortName, 0),
      isDirectory: (attributes & ATTRIBUTE.directory) !== 0,
      firstCluster,
      sizeBytes,
      firstSlot: long?.firstSlot ?? slot,
      lastSlot: slot,
    };
  }

  /** The pieces stand upwards from their short record: 1, 2, ... up to the one that is marked last. */
  #longNameBefore(slot: number, checksum: number): { name: string; firstSlot: number } | undefined {
    let name = '';
    for (let order = 1; order <= slot; order++) {
      const piece = this.#pieceAt(slot - order);
      if (piece === undefined || piece.order !== order || piece.checksum !== checksum) return undefined;
      name += piece.units;
      if (piece.isLast) return { name: name.replace(/\0[^]*$/, ''), firstSlot: slot - order };
    }
    return undefined;
  }

  #pieceAt(slot: number): NamePiece | undefined {
    if (this.firstByte(slot) === ERASED || !isNamePiece(this.record(slot))) return undefined;
    return parseNamePiece(this.record(slot));
  }
}
