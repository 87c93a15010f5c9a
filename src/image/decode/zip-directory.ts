import type { FileHandle } from 'node:fs/promises';
import { printable } from '../../discovery/printable.js';
import { RdtError } from '../../errors.js';
import { readFully } from './file-input.js';

/** A file inside of a zip archive, as the central directory tells. */
export interface ZipEntry {
  /** Fit to be shown. */
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly headerOffset: number;
}

export interface ZipFile {
  readonly handle: FileHandle;
  readonly path: string;
  readonly sizeBytes: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65535;
const END64_LOCATOR_SIGNATURE = 0x07064b50;
const END64_LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const ZIP64_FIELD = 0x0001;
const IN_ZIP64 = 0xffffffff;
/** An image archive has a handful of entries: a larger directory is damage, or an attack on memory. */
const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024;

/** Throws an `RdtError` when there is no whole central directory: the archive is truncated or damaged. */
export async function readZipDirectory(file: ZipFile): Promise<ZipEntry[]> {
  const { offset, sizeBytes } = await findDirectory(file);
  if (sizeBytes > MAX_DIRECTORY_BYTES || offset + sizeBytes > file.sizeBytes)
    throw damaged(file, 'its directory');
  const bytes = await readExactly(file, offset, sizeBytes);
  const entries: ZipEntry[] = [];
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; ) {
    if (bytes.readUInt32LE(at) !== ENTRY_SIGNATURE) throw damaged(file, 'its directory');
    const lengths = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const end = at + ENTRY_BYTES + lengths.reduce((sum, length) => sum + length, 0);
    if (end > bytes.length) throw damaged(file, 'its directory');
    entries.push(parseEntry(bytes.subarray(at, end), lengths[0] ?? 0, lengths[1] ?? 0));
    at = end;
  }
  return entries;
}

/** Where the packed bytes of an entry begin. Throws an `RdtError` when they do not lie inside of the archive. */
export async function zipDataOffset(file: ZipFile, entry: ZipEntry): Promise<number> {
  const header = await readExactly(file, entry.headerOffset, LOCAL_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw damaged(file, `the header of ${entry.name}`);
  const offset = entry.headerOffset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (offset + entry.packedBytes > file.sizeBytes) throw damaged(file, entry.name);
  return offset;
}

/** The end record is the last thing in an archive, but for a comment of unknown length. */
async function findDirectory(file: ZipFile): Promise<{ offset: number; sizeBytes: number }> {
  const tailBytes = Math.min(file.sizeBytes, END_BYTES + MAX_COMMENT_BYTES + END64_LOCATOR_BYTES);
  const tailOffset = file.sizeBytes - tailBytes;
  const tail = await readExactly(file, tailOffset, tailBytes);
  for (let at = tail.length - END_BYTES; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue;
    if (at + END_BYTES + tail.readUInt16LE(at + 20) > tail.length) continue;
    const end64 = await readEnd64(file, tail, at);
    return end64 ?? { offset: tail.readUInt32LE(at + 16), sizeBytes: tail.readUInt32LE(at + 12) };
  }
  throw new RdtError(`${file.path} is truncated: a zip archive ends with its directory, this one does not`);
}

async function readEnd64(
  file: ZipFile,
  tail: Buffer,
  endAt: number,
): Promise<{ offset: number; sizeBytes: number } | undefined> {
  const locatorAt = endAt - END64_LOCATOR_BYTES;
  if (locatorAt < 0 || tail.readUInt32LE(locatorAt) !== END64_LOCATOR_SIGNATURE) return undefined;
  const record = await readExactly(file, Number(tail.readBigUInt64LE(locatorAt + 8)), END64_BYTES);
  if (record.readUInt32LE(0) !== END64_SIGNATURE) throw damaged(file, 'its directory');
  return { offset: Number(record.readBigUInt64LE(48)), sizeBytes: Number(record.readBigUInt64LE(40)) };
}

function parseEntry(bytes: Buffer, nameBytes: number, extraBytes: number): ZipEntry {
  const nameEnd = ENTRY_BYTES + nameBytes;
  const large = zip64Values(bytes.subarray(nameEnd, nameEnd + extraBytes));
  // The extra field holds, in this order, only those values that did not fit into 32 bits.
  const value = (field: number): number => {
    const short = bytes.readUInt32LE(field);
    return short === IN_ZIP64 ? (large.shift() ?? short) : short;
  };
  const sizeBytes = value(24);
  const packedBytes = value(20);
  return {
    name: printable(bytes.toString('utf8', ENTRY_BYTES, nameEnd)),
    method: bytes.readUInt16LE(10),
    encrypted: (bytes.readUInt16LE(8) & 1) !== 0,
    crc: bytes.readUInt32LE(16),
    sizeBytes,
    packedBytes,
    headerOffset: value(42),
  };
}

/** The 64-bit values of the zip64 field among the extra fields of a header. */
export function zip64Values(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_FIELD) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    return Array.from({ length: Math.floor(field.length / 8) }, (_, index) =>
      Number(field.readBigUInt64LE(index * 8)),
    );
  }
  return [];
}

async function readExactly(file: ZipFile, offset: number, sizeBytes: number): Promise<Buffer> {
  const bytes = Buffer.alloc(sizeBytes);
  const inside = Number.isSafeInteger(offset) && offset >= 0 && offset + sizeBytes <= file.sizeBytes;
  if (!inside || (await readFully(file.handle, file.path, offset, bytes)) < sizeBytes) {
    throw damaged(file, 'an offset in it');
  }
  return bytes;
}

const damaged = (file: ZipFile, what: string): RdtError =>
  new RdtError(`${file.path} is damaged: ${what} does not fit the rest of the zip archive`);
