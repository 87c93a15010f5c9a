import { crc32 } from 'node:zlib';
import { RdtError } from '../errors.js';
import type { BlockReader } from './block-device.js';
import type { Partition } from './partition.js';

const SIGNATURE = Buffer.from('EFI PART', 'latin1');
/** Images count in 512 bytes; a drive with native 4 KiB sectors in its own. */
const SECTOR_SIZES = [512, 4096] as const;
const HEADER_BYTES = 92;
/** The specification asks for room for 128; nobody makes more than a few. */
const MAX_ENTRIES = 1024;
const MAX_ENTRY_BYTES = 4096;
const UNUSED_TYPE = '00000000-0000-0000-0000-000000000000';

interface GptHeader {
  readonly entriesOffset: number;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
  readonly sectorBytes: number;
}

/** The partitions of the first intact copy of a GPT. Throws an `RdtError` when there is none. */
export async function readGpt(reader: BlockReader): Promise<Partition[]> {
  for (const sectorBytes of SECTOR_SIZES) {
    for (const offset of [sectorBytes, reader.sizeBytes - sectorBytes]) {
      const partitions = await readCopy(reader, offset, sectorBytes);
      if (partitions !== undefined) return partitions;
    }
  }
  throw new RdtError('the GPT partition table is damaged: neither of its two copies is intact', {
    hint: 'Check that the image was downloaded completely.',
  });
}

async function readCopy(
  reader: BlockReader,
  offset: number,
  sectorBytes: number,
): Promise<Partition[] | undefined> {
  if (offset < 0 || offset + sectorBytes > reader.sizeBytes) return undefined;
  const header = parseHeader(await reader.read(offset, sectorBytes), sectorBytes);
  if (header === undefined) return undefined;
  const length = header.entryCount * header.entryBytes;
  const paddedLength = Math.ceil(length / sectorBytes) * sectorBytes;
  if (header.entriesOffset + paddedLength > reader.sizeBytes) return undefined;
  const entries = (await reader.read(header.entriesOffset, paddedLength)).subarray(0, length);
  if (crc32(entries) !== header.entriesCrc) return undefined;
  return parseEntries(entries, header);
}

function parseHeader(sector: Buffer, sectorBytes: number): GptHeader | undefined {
  const headerBytes = sector.readUInt32LE(12);
  if (!sector.subarray(0, 8).equals(SIGNATURE)) return undefined;
  if (headerBytes < HEADER_BYTES || headerBytes > sectorBytes) return undefined;
  const unsigned = Buffer.from(sector.subarray(0, headerBytes));
  unsigned.writeUInt32LE(0, 16);
  if (crc32(unsigned) !== sector.readUInt32LE(16)) return undefined;
  const header = {
    entriesOffset: Number(sector.readBigUInt64LE(72)) * sectorBytes,
    entryCount: sector.readUInt32LE(80),
    entryBytes: sector.readUInt32LE(84),
    entriesCrc: sector.readUInt32LE(88),
    sectorBytes,
  };
  return isSane(header) ? header : undefined;
}

const isSane = (header: GptHeader): boolean =>
  Number.isSafeInteger(header.entriesOffset) &&
  header.entryCount <= MAX_ENTRIES &&
  header.entryBytes >= 128 &&
  header.entryBytes <= MAX_ENTRY_BYTES;

function parseEntries(entries: Buffer, header: GptHeader): Partition[] {
  return Array.from({ length: header.entryCount }, (_, index) => {
    const entry = entries.subarray(index * header.entryBytes, (index + 1) * header.entryBytes);
    return parseEntry(entry, index + 1, header.sectorBytes);
  }).filter((partition) => partition !== undefined);
}

function parseEntry(entry: Buffer, number: number, sectorBytes: number): Partition | undefined {
  const type = formatGuid(entry.subarray(0, 16));
  const first = Number(entry.readBigUInt64LE(32));
  const last = Number(entry.readBigUInt64LE(40));
  const offset = first * sectorBytes;
  const sizeBytes = (last - first + 1) * sectorBytes;
  if (type === UNUSED_TYPE || last < first || !Number.isSafeInteger(offset + sizeBytes)) return undefined;
  const [name = ''] = entry.toString('utf16le', 56, 128).split('\0');
  return { number, name, type, offset, sizeBytes };
}

/** The first three groups of a GUID are little endian on disk. */
function formatGuid(bytes: Buffer): string {
  const hex = [
    Buffer.from(bytes.subarray(0, 4)).reverse(),
    Buffer.from(bytes.subarray(4, 6)).reverse(),
    Buffer.from(bytes.subarray(6, 8)).reverse(),
    bytes.subarray(8, 10),
    bytes.subarray(10, 16),
  ];
  return hex.map((part) => part.toString('hex')).join('-');
}
