import { readFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';
import { withPrograms } from '../image/medium/with-programs.js';
import { builtInUnbzip2 } from '../../../src/image/decode/bzip2-decoder.js';
import { builtInUnxz } from '../../../src/image/decode/xz-decoder.js';
import { gzipMembers, openImage, PackedFiles, readWhole, streamOf } from './packed-files.js';
import { makeImage, MIB } from './test-image.js';

const { describe, it } = withPrograms('gzip', 'xz', 'zip', 'bzip2', 'zstd');
const IMAGE = makeImage(4 * MIB + 512, 2 * MIB, 3 * MIB);
const files = new PackedFiles();
afterAll(() => files[Symbol.dispose]());

interface Packed {
  readonly path: string;
  readonly formats: readonly string[];
  /** Whether the packing tells the size before the end. */
  readonly sized: boolean;
}

const half = 2 * MIB + 1;
const PACKED: Record<string, Packed> = {
  raw: { path: files.write('os.img', IMAGE), formats: ['raw'], sized: true },
  gz: { path: files.pipe('os.img.gz', IMAGE, 'gzip', '-c'), formats: ['gzip'], sized: false },
  'gz of several members': {
    path: files.write('members.gz', gzipMembers(IMAGE.subarray(0, half), IMAGE.subarray(half))),
    formats: ['gzip'],
    sized: false,
  },
  'zip (deflated)': { path: files.zip('deflated.zip', { 'os.img': IMAGE }), formats: ['zip'], sized: true },
  'zip (stored)': { path: files.zip('stored.zip', { 'os.img': IMAGE }, '-0'), formats: ['zip'], sized: true },
  zip64: { path: files.zip('zip64.zip', { 'os.img': IMAGE }, '-fz'), formats: ['zip'], sized: true },
  'zip (sizes behind the data)': {
    path: files.streamedZip('streamed.zip', 'streamed.img', IMAGE),
    formats: ['zip'],
    sized: true,
  },
  xz: { path: files.pipe('os.img.xz', IMAGE, 'xz', '-0', '-c'), formats: ['xz'], sized: true },
  bz2: { path: files.pipe('os.img.bz2', IMAGE, 'bzip2', '-c'), formats: ['bzip2'], sized: false },
  zst: { path: files.pipe('os.img.zst', IMAGE, 'zstd', '-q', '-c'), formats: ['zstd'], sized: false },
  'gz in a zip': {
    path: files.zip('both.zip', { 'os.img.gz': gzipMembers(IMAGE) }),
    formats: ['zip', 'gzip'],
    sized: false,
  },
};
const NAMES = Object.keys(PACKED);
const packed = (name: string): Packed => PACKED[name] ?? expect.fail(name);

describe('an image packed as', () => {
  it.each(NAMES)('%s is unpacked byte for byte from a file', async (name) => {
    const { path, formats, sized } = packed(name);
    const source = await openImage(path);
    expect(source.formats).toEqual(formats);
    expect(source.sizeBytes).toBe(sized ? IMAGE.length : undefined);
    expect((await readWhole(source, IMAGE.length)).equals(IMAGE)).toBe(true);
  });

  it.each(NAMES)('%s is unpacked byte for byte from standard input', async (name) => {
    const source = await openImage('-', { stdin: streamOf(readFileSync(packed(name).path)) });
    expect((await readWhole(source, IMAGE.length)).equals(IMAGE)).toBe(true);
  });

  it.each(NAMES)('%s is recognised by its content, whatever its name', async (name) => {
    const path = files.write('download', readFileSync(packed(name).path));
    const source = await openImage(path);
    await source.close();
    expect(source.formats).toEqual(packed(name).formats);
  });
});

const COMPRESSED = NAMES.filter((name) => name !== 'raw');

describe('a damaged file of format', () => {
  it.each(COMPRESSED)('%s is found out when a byte in its middle changed', async (name) => {
    const bytes = readFileSync(packed(name).path);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0x40;
    await expect(readAll(files.write('damaged', bytes))).rejects.toThrow(/damaged|truncated/);
  });

  it.each(COMPRESSED)('%s is found out when its end is missing', async (name) => {
    const bytes = readFileSync(packed(name).path);
    const cut = bytes.subarray(0, Math.floor(bytes.length * 0.9));
    await expect(readAll(files.write('cut', cut))).rejects.toThrow(/damaged|truncated/);
  });

  it.each(COMPRESSED)('%s is found out on standard input when its end is missing', async (name) => {
    const bytes = readFileSync(packed(name).path);
    const stdin = streamOf(bytes.subarray(0, Math.floor(bytes.length * 0.9)));
    await expect(readAll('-', stdin)).rejects.toThrow(/damaged|truncated/);
  });

  it.each(['gz', 'xz', 'bz2', 'zst'])('%s is found out when something else follows', async (name) => {
    const bytes = Buffer.concat([readFileSync(packed(name).path), Buffer.from('something else')]);
    await expect(readAll(files.write('followed', bytes))).rejects.toThrow(/damaged/);
  });

  it.each([
    ['xz', builtInUnxz],
    ['bz2', builtInUnbzip2],
  ])('%s is found out without the program too', async (name, decode) => {
    const bytes = readFileSync(packed(name).path);
    expect((await collect(decode(streamOf(bytes), name))).equals(IMAGE)).toBe(true);
    const twice = Buffer.concat([bytes, bytes]);
    expect((await collect(decode(streamOf(twice), name))).length).toBe(2 * IMAGE.length);
    const lengthOf = async (input: Buffer): Promise<number> =>
      (await collect(decode(streamOf(input), name))).length;
    await expect(lengthOf(bytes.subarray(0, -9))).rejects.toThrow(/damaged/);
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    await expect(lengthOf(bytes)).rejects.toThrow(/damaged/);
  });
});

/** Not the bytes themselves: a failing test would print them all. */
async function readAll(image: string, stdin = streamOf(Buffer.alloc(0))): Promise<'whole'> {
  await readWhole(await openImage(image, { stdin }), IMAGE.length);
  return 'whole';
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}
