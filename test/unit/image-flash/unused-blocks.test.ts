import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';
import { withHoles } from '../image/medium/with-programs.js';
import { totalBytes } from '../../../src/image/block-map.js';
import { unusedExtRanges } from '../../../src/image/block-map-ext.js';
import { rangesOfExtVolumes } from '../../../src/image/ext-needs.js';
import { openImage, PackedFiles } from './packed-files.js';
import { MIB, noise, writeMbr } from './test-image.js';

const { describe, it } = withHoles('mke2fs', 'debugfs');
const files = new PackedFiles();
afterAll(() => files[Symbol.dispose]());

const FILE = noise(2 * MIB, 3);
const VOLUME_BYTES = 40 * MIB;

/** An ext volume with one file, made by mke2fs with these options, and changed by debugfs commands. */
function volume(name: string, options: readonly string[], ...commands: readonly string[]): Buffer {
  const root = `${files.folder}/root-${name}`;
  mkdirSync(root);
  writeFileSync(`${root}/file`, FILE);
  const path = files.write(name, '');
  truncateSync(path, VOLUME_BYTES);
  execFileSync('mke2fs', ['-q', '-F', '-d', root, ...options, path], { stdio: 'ignore' });
  for (const command of commands) execFileSync('debugfs', ['-w', '-R', command, path], { stdio: 'ignore' });
  return readFileSync(path);
}

function disk(content: Buffer): Buffer {
  const image = Buffer.alloc(MIB + content.length);
  writeMbr(image, image.length);
  content.copy(image, MIB);
  return image;
}

const readerOf = (bytes: Buffer) => ({
  sizeBytes: bytes.length,
  read: (offset: number, length: number) =>
    Promise.resolve(Buffer.from(bytes.subarray(offset, offset + length))),
});

describe('unused blocks of', () => {
  it.each<[string, string[]]>([
    ['ext4', ['-t', 'ext4']],
    ['ext4 with small blocks', ['-t', 'ext4', '-b', '1024']],
    ['ext4 with 64-bit numbers and checksums', ['-t', 'ext4', '-O', '64bit,metadata_csum']],
    [
      'ext4 without flexible groups, many of them',
      ['-t', 'ext4', '-b', '1024', '-g', '2048', '-O', '^flex_bg'],
    ],
    [
      'ext4 with groups that were never set up',
      ['-t', 'ext4', '-O', 'uninit_bg,^metadata_csum', '-b', '1024', '-g', '4096'],
    ],
    ['ext3', ['-t', 'ext3']],
    ['ext2 without sparse superblocks', ['-t', 'ext2', '-O', '^sparse_super,^resize_inode', '-b', '1024']],
  ])('%s can be anything: its check and its file do not see them', async (name, options) => {
    const image = disk(volume(name.replaceAll(' ', '-'), options));
    const unused = await unusedExtRanges(readerOf(image));
    expect(totalBytes(unused)).toBeGreaterThan(20 * MIB);
    for (const { offset, sizeBytes } of unused) image.fill(0xee, offset, offset + sizeBytes);
    const checked = files.write('checked', image.subarray(MIB));
    execFileSync('e2fsck', ['-f', '-n', checked], { stdio: 'ignore' });
    const found = execFileSync('debugfs', ['-R', 'cat /file', checked], {
      maxBuffer: 1 << 30,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(found.equals(FILE)).toBe(true);
  });

  it.each<[string, string[], string[]]>([
    ['that was not unmounted', ['-t', 'ext4'], ['set_super_value state 0']],
    ['whose journal has to be replayed', ['-t', 'ext4'], ['feature needs_recovery']],
    ['with clusters', ['-t', 'ext4', '-O', 'bigalloc', '-C', '65536'], []],
    ['with groups of groups', ['-t', 'ext4', '-O', 'meta_bg,^resize_inode'], []],
  ])('a file system %s are not guessed', async (name, options, commands) => {
    const image = disk(volume(name.replaceAll(' ', '-'), options, ...commands));
    expect(await unusedExtRanges(readerOf(image))).toEqual([]);
  });

  it('a damaged file system never reach outside of it', async () => {
    const image = disk(volume('damaged', ['-t', 'ext4', '-b', '1024']));
    const tables = Buffer.from(image.subarray(MIB, MIB + 8192));
    for (let seed = 1; seed <= 300; seed += 1) {
      tables.copy(image, MIB);
      const places = noise(16, seed);
      for (let at = 0; at < 16; at += 4) {
        image[MIB + 1024 + (places.readUInt16LE(at) % 3072)] = places.readUInt8(at + 2);
      }
      const reader = readerOf(image);
      for (const { offset, sizeBytes } of [
        ...(await unusedExtRanges(reader)),
        ...(await rangesOfExtVolumes(reader)),
      ]) {
        expect(offset).toBeGreaterThanOrEqual(MIB);
        expect(offset + sizeBytes).toBeLessThanOrEqual(image.length);
      }
    }
  });
});

/** A card that held something else, and then what the map of an image says that lost its runs of zeros to holes. */
async function flashedSparse(image: Buffer, name: string): Promise<{ card: Buffer; mappedBytes: number }> {
  const path = files.write(`${name}.dense`, image);
  execFileSync('cp', ['--sparse=always', path, `${path}.sparse`]);
  const source = await openImage(`${path}.sparse`);
  await source.close();
  const ranges = source.map?.ranges ?? [];
  const card = Buffer.alloc(image.length, 0xa7);
  for (const { offset, sizeBytes } of [{ offset: 0, sizeBytes: MIB }, ...ranges]) {
    image.copy(card, offset, offset, offset + sizeBytes);
  }
  return { card, mappedBytes: totalBytes(ranges) };
}

describe('an image that lost its runs of zeros to holes', () => {
  it.each<[string, string[]]>([
    ['ext4', ['-t', 'ext4']],
    ['ext4 with small blocks', ['-t', 'ext4', '-b', '1024']],
    ['ext4 without checksums', ['-t', 'ext4', '-O', '^metadata_csum,^uninit_bg']],
    ['ext3', ['-t', 'ext3']],
    ['ext2', ['-t', 'ext2']],
  ])('arrives with its %s whole, and with the zeros in its files', async (name, options) => {
    const image = disk(volume(`needs-${name.replaceAll(' ', '-')}`, options));
    const expected = Buffer.from(FILE);
    const place = image.indexOf(FILE.subarray(64 * 1024, 68 * 1024));
    image.fill(0, place, place + 64 * 1024);
    expected.fill(0, 64 * 1024, 128 * 1024);
    const { card, mappedBytes } = await flashedSparse(image, name.replaceAll(' ', '-'));
    const arrived = files.write('arrived', card.subarray(MIB));
    execFileSync('e2fsck', ['-f', '-n', arrived], { stdio: 'ignore' });
    const found = execFileSync('debugfs', ['-R', 'cat /file', arrived], {
      maxBuffer: 1 << 30,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(found.equals(expected)).toBe(true);
    expect(mappedBytes).toBeLessThan(12 * MIB);
  });
});

describe('the map of a raw file', () => {
  it('is its holes when it has some, else what its file systems use, else all of it', async () => {
    const content = disk(volume('mapped', ['-t', 'ext4']));
    const full = files.write('full.img', content);
    const sparse = `${files.folder}/sparse.img`;
    execFileSync('cp', ['--sparse=always', full, sparse]);
    const plain = Buffer.from(noise(3 * MIB));
    plain.fill(0, 0, 4096);
    writeMbr(plain, plain.length);
    const origins = [sparse, full, files.write('plain.img', plain)].map(async (path) => {
      const source = await openImage(path);
      await source.close();
      return source.map?.origin;
    });
    expect(await Promise.all(origins)).toEqual(['holes', 'file-systems', 'whole']);
  });
});
