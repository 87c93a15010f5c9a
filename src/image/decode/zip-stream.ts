import { printable } from '../../discovery/printable.js';
import { RdtError } from '../../errors.js';
import type { ForwardStream } from './forward-stream.js';
import { zip64Values } from './zip-directory.js';
import {
  checkContent,
  checkedContent,
  looksLikeImage,
  unpackMethod,
  type ZipContentFacts,
} from './zip-entry.js';
import { inflateRawPart } from './zlib-decoder.js';

const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const FLAG_ENCRYPTED = 1;
const FLAG_DESCRIPTOR = 8;
const DEFLATED = 8;
const IN_ZIP64 = 0xffffffff;

interface LocalHeader extends ZipContentFacts {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly packedBytes: number;
  readonly zip64: boolean;
}

/** The image of a zip archive that comes as a stream, found without the directory at its end. */
export interface StreamedImage {
  /** Undefined when it is only told behind the image. */
  readonly sizeBytes: number | undefined;
  content(): AsyncIterable<Buffer>;
}

/**
 * Goes to the first file with an image's name. Throws an `RdtError` when there is none, or when the archive cannot be read from its
 * beginning on: then it has to be saved first.
 */
export async function findStreamedImage(stream: ForwardStream, archive: string): Promise<StreamedImage> {
  for (let header = await readHeader(stream); header !== undefined; header = await readHeader(stream)) {
    const name = `${header.name} in ${archive}`;
    if (looksLikeImage(header.name)) return imageOf(stream, header, name);
    if ((header.flags & FLAG_DESCRIPTOR) !== 0) throw cannotStream(archive);
    await stream.skip(header.packedBytes);
  }
  throw new RdtError(`${archive} has no image in it`);
}

function imageOf(stream: ForwardStream, header: LocalHeader, name: string): StreamedImage {
  if ((header.flags & FLAG_ENCRYPTED) !== 0) throw new RdtError(`${name} is encrypted`);
  if ((header.flags & FLAG_DESCRIPTOR) === 0) {
    return {
      sizeBytes: header.sizeBytes,
      content: () =>
        checkedContent(unpackMethod(header.method, stream.take(header.packedBytes), name), header, name),
    };
  }
  if (header.method !== DEFLATED) throw cannotStream(name);
  return { sizeBytes: undefined, content: () => describedContent(stream, header, name) };
}

const cannotStream = (name: string): RdtError =>
  new RdtError(`${name} cannot be read as a stream: this zip archive keeps its sizes at its end`, {
    hint: 'Save it, and flash the file.',
  });

/** Content whose length and CRC follow it. */
async function* describedContent(
  stream: ForwardStream,
  header: LocalHeader,
  name: string,
): AsyncGenerator<Buffer> {
  const { content, tail } = inflateRawPart(stream, name);
  yield* checkContent(content, async () => parseDescriptor(await tail(24), header.zip64), name);
}

/** The signature is optional; the sizes have eight bytes where the header announced zip64. */
function parseDescriptor(bytes: Buffer, zip64: boolean): ZipContentFacts | undefined {
  if (bytes.length < 24) return undefined;
  const at = bytes.readUInt32LE(0) === DESCRIPTOR_SIGNATURE ? 4 : 0;
  const sizeBytes = zip64 ? Number(bytes.readBigUInt64LE(at + 12)) : bytes.readUInt32LE(at + 8);
  return { crc: bytes.readUInt32LE(at), sizeBytes };
}

/** Undefined at the archive's directory, behind the last file. */
async function readHeader(stream: ForwardStream): Promise<LocalHeader | undefined> {
  const fixed = await stream.read(LOCAL_BYTES);
  if (fixed.length < LOCAL_BYTES || fixed.readUInt32LE(0) !== LOCAL_SIGNATURE) return undefined;
  const nameBytes = await stream.read(fixed.readUInt16LE(26));
  const large = zip64Values(await stream.read(fixed.readUInt16LE(28)));
  const zip64 = large.length > 0;
  const value = (field: number): number => {
    const short = fixed.readUInt32LE(field);
    return short === IN_ZIP64 ? (large.shift() ?? short) : short;
  };
  const sizeBytes = value(22);
  return {
    name: printable(nameBytes.toString('utf8')),
    flags: fixed.readUInt16LE(6),
    method: fixed.readUInt16LE(8),
    crc: fixed.readUInt32LE(14),
    sizeBytes,
    packedBytes: value(18),
    zip64,
  };
}
