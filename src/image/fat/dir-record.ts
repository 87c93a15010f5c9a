/** A directory is a list of 32-byte records: one short record a file, preceded by the pieces of its long name, last piece first. */
export const RECORD_BYTES = 32;
export const END = 0x00;
export const ERASED = 0xe5;
export const ATTRIBUTE = { readOnly: 0x01, volumeLabel: 0x08, directory: 0x10, archive: 0x20 } as const;
const LONG_NAME_ATTRIBUTES = 0x0f;
const UNITS_PER_PIECE = 13;
/** UTF-16 units of a piece lie in three places. */
const PIECE_FIELDS = [
  [1, 5],
  [14, 6],
  [28, 2],
] as const;
const LAST_PIECE = 0x40;

export interface ShortRecord {
  readonly shortName: Buffer;
  readonly attributes: number;
  readonly firstCluster: number;
  readonly sizeBytes: number;
}

export interface NamePiece {
  /** 1 is the beginning of the name. */
  readonly order: number;
  readonly isLast: boolean;
  readonly checksum: number;
  readonly units: string;
}

export const isNamePiece = (record: Buffer): boolean =>
  (record.readUInt8(11) & 0x3f) === LONG_NAME_ATTRIBUTES;

export function parseNamePiece(record: Buffer): NamePiece {
  const order = record.readUInt8(0);
  return {
    order: order & 0x1f,
    isLast: (order & LAST_PIECE) !== 0,
    checksum: record.readUInt8(13),
    units: PIECE_FIELDS.map(([offset, count]) => record.toString('utf16le', offset, offset + count * 2)).join(
      '',
    ),
  };
}

export function parseShortRecord(record: Buffer): ShortRecord {
  return {
    shortName: record.subarray(0, 11),
    attributes: record.readUInt8(11),
    firstCluster: record.readUInt16LE(20) * 0x10000 + record.readUInt16LE(26),
    sizeBytes: record.readUInt32LE(28),
  };
}

/** A short record for something new. */
export function makeShortRecord(entry: ShortRecord, now: Date): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  entry.shortName.copy(record);
  record.writeUInt8(entry.attributes, 11);
  stamp(record, 14, now);
  return withContent(record, entry.firstCluster, entry.sizeBytes, now);
}

/** The same record over other clusters, with `now` as time of the change. Everything else stays. */
export function withContent(record: Buffer, firstCluster: number, sizeBytes: number, now: Date): Buffer {
  const changed = Buffer.from(record);
  changed.writeUInt16LE(firstCluster >>> 16, 20);
  changed.writeUInt16LE(firstCluster & 0xffff, 26);
  changed.writeUInt32LE(sizeBytes, 28);
  changed.writeUInt16LE(dosDate(now), 18);
  stamp(changed, 22, now);
  return changed;
}

function stamp(record: Buffer, offset: number, now: Date): void {
  record.writeUInt16LE((now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1), offset);
  record.writeUInt16LE(dosDate(now), offset + 2);
}

/** FAT counts local time from 1980 to 2107. */
function dosDate(now: Date): number {
  const year = Math.min(Math.max(now.getFullYear() - 1980, 0), 127);
  return (year << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
}

/** The pieces of a long name in the order they are stored: the end of the name first. */
export function makeNamePieces(name: string, shortName: Buffer): Buffer[] {
  const count = Math.ceil(name.length / UNITS_PER_PIECE);
  const checksum = shortNameChecksum(shortName);
  return Array.from({ length: count }, (_, index) => makePiece(name, index + 1, checksum))
    .map((piece, index) => markLast(piece, index + 1 === count))
    .reverse();
}

function makePiece(name: string, order: number, checksum: number): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeUInt8(order, 0);
  record.writeUInt8(LONG_NAME_ATTRIBUTES, 11);
  record.writeUInt8(checksum, 13);
  // The name ends with one 0 where there is room, the rest is 0xffff.
  const units = Buffer.alloc(UNITS_PER_PIECE * 2, 0xff);
  const part = `${name}\0`.slice((order - 1) * UNITS_PER_PIECE, order * UNITS_PER_PIECE);
  units.write(part, 'utf16le');
  let from = 0;
  for (const [offset, count] of PIECE_FIELDS) {
    units.copy(record, offset, from, from + count * 2);
    from += count * 2;
  }
  return record;
}

function markLast(piece: Buffer, isLast: boolean): Buffer {
  if (isLast) piece.writeUInt8(piece.readUInt8(0) | LAST_PIECE, 0);
  return piece;
}

/** Ties the pieces of a long name to their short record. */
export function shortNameChecksum(shortName: Buffer): number {
  return shortName.reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0);
}
