import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { afterAll, expect } from 'vitest';
import { withPrograms } from '../image/medium/with-programs.js';
import {
  gzipMembers,
  openImage,
  type OpenOptions,
  PackedFiles,
  readWhole,
  streamOf,
} from './packed-files.js';
import { makeImage, MIB } from './test-image.js';

const { describe, it } = withPrograms('xz', 'zip');
const IMAGE = makeImage(3 * MIB);
const files = new PackedFiles();
afterAll(() => files[Symbol.dispose]());

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Not the bytes themselves: a failing test would print them all. */
async function readAll(image: string, options: OpenOptions = {}): Promise<'whole'> {
  await readWhole(await openImage(image, options), IMAGE.length);
  return 'whole';
}

describe('a checksum', () => {
  const raw = files.write('os.img', IMAGE);
  const gz = files.write('os.img.gz', gzipMembers(IMAGE));
  const xz = files.pipe('os.img.xz', IMAGE, 'xz', '-0', '-c');
  const zip = files.zip('os.zip', { 'os.img': IMAGE });

  it.each([raw, gz, xz, zip])('of %s as it was downloaded is accepted', async (path) => {
    expect(await readAll(path, { sha256: sha256(readFileSync(path)) })).toBe('whole');
  });

  it.each([gz, xz, zip])('of what is in %s is accepted too: people publish either', async (path) => {
    expect(await readAll(path, { sha256: sha256(IMAGE) })).toBe('whole');
  });

  it.each([raw, gz, xz, zip])('that %s does not have is found out', async (path) => {
    await expect(readAll(path, { sha256: sha256(Buffer.from('other')) })).rejects.toThrow(
      /its SHA-256 is [0-9a-f]{64}, not/,
    );
  });

  // GNU cp makes the holes, and GNU tar finds them.
  const onLinux = process.platform === 'linux' ? it : it.skip;
  onLinux('covers the holes of a sparse file, which are not written', async () => {
    const sparse = `${files.folder}/sparse.img`;
    execFileSync('cp', ['--sparse=always', raw, sparse]);
    const source = await openImage(sparse, { sha256: sha256(IMAGE) });
    expect(source.map?.origin).toBe('holes');
    expect((await readWhole(source, IMAGE.length)).equals(IMAGE)).toBe(true);
  });

  it.each([
    ['the bare sum', `${sha256(IMAGE).toUpperCase()}\n`],
    ['a line of sha256sum', `${sha256(IMAGE)}  summed.img\n`],
    ['several lines, one for this image', `${'0'.repeat(64)} *other.img\n${sha256(IMAGE)} *./summed.img\n`],
  ])('beside the image is read from %s', async (_, text) => {
    const path = files.write('summed.img', IMAGE);
    files.write('summed.img.sha256', text);
    expect(await readAll(path)).toBe('whole');
    files.write('summed.img.sha256', text.replaceAll(/[0-9a-f]{64}/gi, 'f'.repeat(64)));
    await expect(readAll(path)).rejects.toThrow(/SHA-256/);
  });

  it('beside the image that names others only is an error, not ignored', async () => {
    const path = files.write('unsummed.img', IMAGE);
    files.write('unsummed.img.sha256', `${'0'.repeat(64)} a.img\n${'1'.repeat(64)} b.img\n`);
    await expect(readAll(path)).rejects.toThrow(/no single SHA-256 sum of unsummed.img/);
  });
});

describe('a zip archive', () => {
  it('with two images lists them', async () => {
    const path = files.zip('two.zip', { 'a.img': IMAGE, 'b.img': IMAGE, 'README.txt': 'hello' });
    await expect(openImage(path)).rejects.toThrow(/no single image in it, but a.img, b.img, README.txt/);
  });

  it('may have other files beside the image', async () => {
    const path = files.zip('more.zip', {
      'README.txt': 'hello',
      'os/raspberry.img': IMAGE,
      '__MACOSX/x': '',
    });
    expect(await readAll(path)).toBe('whole');
    expect(await readAll('-', { stdin: streamOf(readFileSync(path)) })).toBe('whole');
  });

  it('without an image says so', async () => {
    await expect(openImage(files.zip('none.zip', { '.meta/x.json': '{}' }))).rejects.toThrow(
      /has no image in it/,
    );
  });

  it('that is encrypted says so', async () => {
    await expect(readAll(files.zip('secret.zip', { 'os.img': IMAGE }, '-P', 'x'))).rejects.toThrow(
      /is encrypted/,
    );
  });

  it('whose CRC is wrong is found out, though its data unpacks', async () => {
    const bytes = readFileSync(files.zip('crc.zip', { 'os.img': IMAGE }));
    const directory = bytes.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'));
    bytes[directory + 16] = (bytes[directory + 16] ?? 0) ^ 1;
    await expect(readAll(files.write('crc.zip', bytes))).rejects.toThrow(/its CRC is wrong/);
  });

  it('whose bmap unpacks to more than it says is given up at once, not kept in memory', async () => {
    const bomb = Buffer.alloc(96 * MIB);
    const bytes = readFileSync(files.zip('bomb.zip', { '.meta/a.bmap': bomb, 'os.img': IMAGE }, '-1'));
    const directory = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    bytes.writeUInt32LE(100, directory + 24);
    const before = process.memoryUsage().arrayBuffers;
    await expect(openImage(files.write('bomb.zip', bytes))).rejects.toThrow(/length is not the one/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48 * MIB);
  });

  it('cannot steer the terminal by the names in it', async () => {
    const path = files.zip('names.zip', { '\x1b[2Ja.img': IMAGE, 'b.img': IMAGE });
    const refusal = await openImage(path).catch((error: unknown) => error);
    expect(String(refusal)).toMatch(/no single image/);
    expect(String(refusal)).not.toContain('\x1b');
  });

  it('with a directory of nonsense never hangs and never reads outside', async () => {
    const bytes = readFileSync(files.zip('fuzz.zip', { 'os.img': IMAGE.subarray(0, 600) }));
    for (let at = bytes.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1')); at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      const outcome = await readAll(files.write('fuzzed.zip', damaged)).catch((error: unknown) => error);
      if (outcome !== 'whole') expect(outcome).toMatchObject({ name: 'RdtError' });
    }
  });
});

describe('standard input', () => {
  it('that is a terminal brings no image', async () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    await expect(openImage('-', { stdin: terminal })).rejects.toThrow(/is a terminal/);
  });

  it('that never comes to an end is given up when the signal says so', async () => {
    const stdin = new PassThrough();
    const controller = new AbortController();
    stdin.write(IMAGE.subarray(0, 2 * MIB));
    const source = await openImage('-', { stdin, signal: controller.signal });
    const reading = source.readAt(MIB, Buffer.alloc(2 * MIB));
    controller.abort(new Error('interrupted'));
    await expect(reading).rejects.toThrow();
    await source.close();
    expect(stdin.destroyed).toBe(true);
  });
});

describe('a file', () => {
  it.each([
    ['that is not there', '/no/such.img', /there is no such file/],
    ['that is a directory', '/etc', /is a directory/],
  ])('%s is said to be so', async (_, path, why) => {
    await expect(openImage(path)).rejects.toThrow(why);
  });
});
