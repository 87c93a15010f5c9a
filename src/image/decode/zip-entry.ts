import { crc32 } from 'node:zlib';
import { RdtError } from '../../errors.js';
import { readChunks } from './file-input.js';
import { zipDataOffset, type ZipEntry, type ZipFile } from './zip-directory.js';
import { inflateRaw } from './zlib-decoder.js';

const STORED = 0;
const DEFLATED = 8;
/** An Etcher archive keeps what is not the image itself there. */
const META_FOLDER = /^\.meta\//;
const BESIDE_THE_IMAGE = /^(__MACOSX\/|.*\/\.DS_Store$|\.DS_Store$|Thumbs\.db$)|\/$/;
const IMAGE_NAME =
  /\.(img|raw|bin|dsk|iso|wic|hddimg|sdcard|sdimg|rpi-sdimg|balenaos-img|resinos-img)(\.(gz|xz|bz2|zst))?$/i;
/** A bmap of an image with a range for each of a million blocks is smaller. */
const MAX_BMAP_BYTES = 64 * 1024 * 1024;

/**
 * The one image of an archive: the only file that has an image's name, or the only file at all.
 * Throws an `RdtError` that lists the content when there is none or more than one.
 */
export function findImageEntry(entries: readonly ZipEntry[], archive: string): ZipEntry {
  const files = entries.filter(
    (entry) => !META_FOLDER.test(entry.name) && !BESIDE_THE_IMAGE.test(entry.name),
  );
  const named = files.filter((entry) => looksLikeImage(entry.name));
  const [image, ...others] = named.length > 0 ? named : files;
  const names = files.map((entry) => entry.name).join(', ');
  if (image === undefined) throw new RdtError(`${archive} has no image in it`);
  if (others.length > 0) {
    throw new RdtError(`${archive} has no single image in it, but ${names}`, {
      hint: 'Unpack it, and flash the image itself.',
    });
  }
  return image;
}

export const looksLikeImage = (name: string): boolean => IMAGE_NAME.test(name);

/** The bmap that Etcher's archives carry; undefined when there is none. Throws an `RdtError` when it is damaged. */
export async function readMetaBmap(entries: readonly ZipEntry[], file: ZipFile): Promise<string | undefined> {
  const entry = entries.find(({ name }) => META_FOLDER.test(name) && name.endsWith('.bmap'));
  if (entry === undefined || entry.sizeBytes > MAX_BMAP_BYTES) return undefined;
  const parts: Buffer[] = [];
  for await (const chunk of unzip(file, entry)) parts.push(chunk);
  return Buffer.concat(parts).toString('utf8');
}

/** The content of an entry. Throws an `RdtError` when its length or CRC is wrong, or it is packed in a way that nobody uses for images. */
export async function* unzip(
  file: ZipFile,
  entry: ZipEntry,
  watch?: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  const name = `${entry.name} in ${file.path}`;
  if (entry.encrypted)
    throw new RdtError(`${name} is encrypted`, { hint: 'Unpack it with its password first.' });
  const start = await zipDataOffset(file, entry);
  const packed = watched(readChunks(file.handle, file.path, start, start + entry.packedBytes), watch);
  yield* checkedContent(
    unpackMethod(entry.method, packed, name),
    { crc: entry.crc, sizeBytes: entry.sizeBytes },
    name,
  );
}

export function unpackMethod(
  method: number,
  packed: AsyncIterable<Buffer>,
  name: string,
): AsyncIterable<Buffer> {
  if (method === STORED) return packed;
  if (method === DEFLATED) return inflateRaw(packed, name);
  throw new RdtError(`${name} is packed by method ${method}, which rdt does not know`, {
    hint: 'Unpack it first.',
  });
}

/** What a zip archive says of an entry's content. */
export interface ZipContentFacts {
  readonly crc: number;
  readonly sizeBytes: number;
}

/** zlib does not know the CRC of a zip entry: a damaged one would pass as whole. */
export const checkedContent = (
  content: AsyncIterable<Buffer>,
  facts: ZipContentFacts,
  name: string,
): AsyncGenerator<Buffer> =>
  checkContent(withinSize(content, facts.sizeBytes, name), () => Promise.resolve(facts), name);

/** Ends at once what unpacks to more than it should: it may have no end, and be kept in memory. */
async function* withinSize(
  content: AsyncIterable<Buffer>,
  limitBytes: number,
  name: string,
): AsyncGenerator<Buffer> {
  let sizeBytes = 0;
  for await (const chunk of content) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw wrongLength(name);
    yield chunk;
  }
}

const wrongLength = (name: string): RdtError =>
  new RdtError(`${name} is damaged: its length is not the one in the archive`);

/** As `checkedContent`, for facts that are known behind the content only; undefined when they are missing there. */
export async function* checkContent(
  content: AsyncIterable<Buffer>,
  factsAtEnd: () => Promise<ZipContentFacts | undefined>,
  name: string,
): AsyncGenerator<Buffer> {
  let crc = 0;
  let sizeBytes = 0;
  for await (const chunk of content) {
    crc = crc32(chunk, crc);
    sizeBytes += chunk.length;
    yield chunk;
  }
  const facts = await factsAtEnd();
  if (facts === undefined) throw new RdtError(`${name} is truncated: its CRC is missing`);
  if (sizeBytes !== facts.sizeBytes) throw wrongLength(name);
  if (crc !== facts.crc) throw new RdtError(`${name} is damaged: its CRC is wrong`);
}

async function* watched(
  chunks: AsyncIterable<Buffer>,
  watch: ((chunk: Buffer) => void) | undefined,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    watch?.(chunk);
    yield chunk;
  }
}
