import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, expect } from 'vitest';
import { canMakeHoles, hasPrograms, withHoles } from '../image/medium/with-programs.js';
import { piecesOf, rangesFrom, totalBytes, withoutRanges } from '../../../src/image/block-map.js';
import { parseBmap } from '../../../src/image/block-map-bmap.js';
import { BlockMapCheck } from '../../../src/image/block-map-check.js';
import { openImage, PackedFiles, readWhole } from './packed-files.js';
import { makeImage, MIB, noise } from './test-image.js';

const { describe, it } = withHoles('bmaptool', 'xz', 'zip');
const files = new PackedFiles();
afterAll(() => files[Symbol.dispose]());

/** Of a copy with holes, by bmaptool. */
function bmapOf(image: string): string {
  const sparse = `${image}.sparse`;
  execFileSync('cp', ['--sparse=always', image, sparse]);
  return execFileSync('bmaptool', ['create', sparse], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

const range = (offset: number, sizeBytes: number) => ({ offset, sizeBytes });

describe('ranges', () => {
  const anyRanges = fc.array(
    fc.record({ offset: fc.nat(1000), sizeBytes: fc.integer({ min: 1, max: 200 }) }),
  );

  it('without holes and the holes make up the whole, once each', () => {
    fc.assert(
      fc.property(fc.nat(1200), anyRanges, (size, holes) => {
        const marks = new Uint8Array(size);
        for (const hole of holes) marks.fill(1, hole.offset, hole.offset + hole.sizeBytes);
        for (const { offset, sizeBytes } of withoutRanges(size, holes)) {
          for (let at = offset; at < offset + sizeBytes; at += 1) marks[at] = (marks[at] ?? 9) + 2;
        }
        expect(marks.every((mark) => mark === 1 || mark === 2)).toBe(true);
      }),
    );
  });

  it('are cut into pieces that lose nothing', () => {
    fc.assert(
      fc.property(anyRanges, fc.integer({ min: 1, max: 64 }), (some, size) => {
        const pieces = [...piecesOf(some, size)];
        expect(totalBytes(pieces)).toBe(totalBytes(some));
        expect(pieces.every((piece) => piece.sizeBytes <= size && piece.sizeBytes > 0)).toBe(true);
      }),
    );
  });

  it('from an offset on lose what lies before', () => {
    expect(rangesFrom([range(0, 10), range(20, 10), range(40, 5)], 25)).toEqual([range(25, 5), range(40, 5)]);
  });
});

describe('a bmap file', () => {
  const IMAGE = makeImage(5 * MIB, 2 * MIB, 4 * MIB);
  const image = files.write('os.img', IMAGE);
  const made = canMakeHoles && hasPrograms('bmaptool') ? bmapOf(image) : '';

  it('of bmaptool is read, with its checksums', () => {
    const { imageSizeBytes, map } = parseBmap(made, 'os.bmap');
    expect(imageSizeBytes).toBe(IMAGE.length);
    expect(map.ranges.map(({ offset, sizeBytes }) => [offset, sizeBytes])).toEqual([
      [0, 2 * MIB],
      [4 * MIB, MIB],
    ]);
    const sum = createHash('sha256')
      .update(IMAGE.subarray(4 * MIB))
      .digest('hex');
    expect(map.ranges[1]?.checksum).toBe(sum);
  });

  it.each([
    [
      'with a changed block number',
      (text: string) => text.replace(/<Range([^>]*)> 0-/, '<Range$1> 1-'),
      /checksum of itself/,
    ],
    ['that is another XML file', () => '<html></html>', /no <bmap> element/],
    ['of a version to come', (text: string) => text.replace(/version="2/, 'version="3'), /version is 3/],
    [
      'whose ranges overlap',
      (text: string) => withoutOwnSum(text).replace(/> 1024-/, '> 5-'),
      /out of order/,
    ],
    [
      'whose list is incomplete',
      (text: string) => withoutOwnSum(text).replace(/<Range[^\n]*1024-[^\n]*\n/, ''),
      /number of mapped blocks/,
    ],
  ])('%s is refused', (_, change, why) => {
    expect(() => parseBmap(change(made), 'os.bmap')).toThrow(why);
  });

  const withoutOwnSum = (text: string): string =>
    text.replace(/<BmapFileChecksum>[^<]*<\/BmapFileChecksum>/, '');

  it('of version 1.3, with SHA-1 sums, is read', () => {
    const sum = createHash('sha1').update(IMAGE.subarray(0, 8192)).digest('hex');
    const text = `<bmap version="1.3"><ImageSize> 10000 </ImageSize><BlockSize> 4096 </BlockSize>
      <MappedBlocksCount> 3 </MappedBlocksCount><BmapFileSHA1></BmapFileSHA1>
      <BlockMap><Range sha1="${sum}"> 0-1 </Range><Range> 2 </Range></BlockMap></bmap>`;
    const { map } = parseBmap(text, 'old.bmap');
    expect(map).toMatchObject({
      checksumAlgorithm: 'sha1',
      ranges: [{ checksum: sum }, { offset: 8192, sizeBytes: 1808 }],
    });
  });

  it('is checked against the bytes, however they come', () => {
    const data = noise(1000);
    const checksum = createHash('sha256').update(data.subarray(100, 900)).digest('hex');
    const map = {
      origin: 'bmap' as const,
      checksumAlgorithm: 'sha256',
      ranges: [{ ...range(100, 800), checksum }],
    };
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 6 }),
        fc.boolean(),
        (cuts, damage) => {
          const bytes = Buffer.from(data);
          if (damage) bytes[500] = (bytes[500] ?? 0) ^ 1;
          const check = new BlockMapCheck(map, 'os.img');
          const edges = [0, ...cuts.sort((one, other) => one - other), 1000];
          const feed = (): void =>
            edges
              .slice(1)
              .forEach((end, index) => check.update(edges[index] ?? 0, bytes.subarray(edges[index], end)));
          if (damage) expect(feed).toThrow(/does not match its bmap/);
          else feed();
        },
      ),
    );
  });

  it('for another image is refused', async () => {
    const other = files.write('other.img', makeImage(6 * MIB));
    await expect(openImage(other, { bmap: files.write('os.bmap', made) })).rejects.toThrow(
      /is for an image of 5242880 bytes/,
    );
  });

  it.each(['os.img.gz', 'os.img.xz'])(
    'beside %s, named for the image before it was packed, is found',
    async (name) => {
      files.write('os.img.bmap', made);
      const source = await openImage(
        files.pipe(name, IMAGE, name.endsWith('gz') ? 'gzip' : 'xz', '-c', '-1'),
      );
      expect(source.map?.origin).toBe('bmap');
      expect(source.sizeBytes).toBe(IMAGE.length);
      expect((await readWhole(source, IMAGE.length)).equals(IMAGE)).toBe(true);
    },
  );

  it("in an Etcher archive's .meta folder is used", async () => {
    const source = await openImage(
      files.zip('etcher.zip', { 'os.img': IMAGE, '.meta/image.bmap': made, '.meta/manifest.json': '{}' }),
    );
    expect(source.map?.origin).toBe('bmap');
    expect((await readWhole(source, IMAGE.length)).equals(IMAGE)).toBe(true);
  });
});
