import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES, BLOCK_PARTS, BlockHasher, identityOf, PART_BYTES } from '../../../src/sync/blocks.js';
import { hashFile, plainHashOf } from '../../../src/sync/hash-file.js';
import { type Patch, PatchReader, patchOf } from '../../../src/sync/patch.js';
import { tarTimeNs } from '../../../src/sync/tar-writer.js';
import type { FileEntry, LocalTree } from '../../../src/sync/tree.js';

const signal = new AbortController().signal;
const SIZE_BYTES = 100 * BLOCK_BYTES + 777;
const MTIME_SECONDS = 1_500_000_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdt-patch-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file of the folder as a scan finds it; `meanwhile` happens after it was listed, and before it is read. */
async function scanned(
  bytes: Buffer,
  known: LocalTree = new Map(),
  meanwhile: (path: string) => void = () => undefined,
): Promise<FileEntry> {
  const path = join(folder, 'large');
  writeFileSync(path, bytes);
  utimesSync(path, MTIME_SECONDS, MTIME_SECONDS);
  const { size, mtimeMs, ctimeMs, ino } = statSync(path);
  const listed = {
    kind: 'file',
    mode: 0o644,
    sizeBytes: size,
    stamp: { mtimeMs, ctimeMs, inode: ino },
  } as const;
  meanwhile(path);
  const content = await hashFile(folder, 'large', listed, known, signal);
  if (content === undefined) throw new Error('the file has gone');
  return { ...listed, ...content };
}

/** As a commit left it in a container. */
const left = async (bytes: Buffer): Promise<FileEntry> => {
  const entry = await scanned(bytes);
  return { ...entry, leftMtimeNs: tarTimeNs(entry.stamp.mtimeMs) };
};

/** What the script in the container makes of a patch. */
async function applied(base: Buffer, entry: FileEntry, patch: Patch): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of new PatchReader(join(folder, 'large'), entry, patch).pieces()) pieces.push(piece);
  const news = Buffer.concat(pieces);
  expect(news.length).toBe(patch.contentBytes);
  const bytes = Buffer.alloc(patch.lengthBytes);
  base.copy(bytes);
  let taken = 0;
  for (const { from, count } of patch.runs) {
    news.copy(bytes, from * PART_BYTES, taken * PART_BYTES, (taken + count) * PART_BYTES);
    taken += count;
  }
  return bytes;
}

const edited = (bytes: Buffer, ...places: number[]): Buffer => {
  const copy = Buffer.from(bytes);
  for (const at of places) copy.writeUInt8(copy.readUInt8(at) ^ 255, at);
  return copy;
};

describe('a patch', () => {
  const base = Buffer.alloc(SIZE_BYTES, 'some content, ');

  it('sends the parts that differ: one run of each block, those that touch as one', async () => {
    const from = await left(base);
    const touching = [BLOCK_BYTES - 1, BLOCK_BYTES];
    const sameBlock = [40 * BLOCK_BYTES + PART_BYTES, 40 * BLOCK_BYTES + 3 * PART_BYTES];
    const now = await scanned(edited(base, 5, ...touching, ...sameBlock, SIZE_BYTES - 1));
    expect(patchOf(from, now)).toEqual({
      base: { sizeBytes: SIZE_BYTES, mtimeNs: 1_500_000_000_000_000_000n },
      lengthBytes: SIZE_BYTES,
      runs: [
        { from: 0, count: BLOCK_PARTS + 1 },
        { from: 40 * BLOCK_PARTS + 1, count: 3 },
        { from: 100 * BLOCK_PARTS, count: 1 },
      ],
      contentBytes: BLOCK_BYTES + PART_BYTES + 3 * PART_BYTES + 777,
    });
  });

  it('makes the file here of the one there, whatever the two are', async () => {
    const lengths = fc.constantFrom(SIZE_BYTES, SIZE_BYTES - 777, SIZE_BYTES + 1, 95 * BLOCK_BYTES);
    const places = fc.array(fc.nat(95 * BLOCK_BYTES - 1), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(lengths, places, async (length, changed) => {
        const from = await left(base);
        const grown = Buffer.alloc(length);
        base.copy(grown);
        const bytes = edited(grown, ...changed);
        const now = await scanned(bytes);
        const patch = patchOf(from, now);
        expect(patch === undefined ? undefined : (await applied(base, now, patch)).equals(bytes)).toBe(true);
      }),
      { numRuns: 12 },
    );
  });

  it('is a part or two for 1 KB, wherever that is', async () => {
    const from = await left(base);
    const place = fc.nat(SIZE_BYTES - 1_024);
    await fc.assert(
      fc.asyncProperty(place, async (at) => {
        const bytes = Buffer.from(base);
        bytes.fill('!', at, at + 1_024);
        expect(patchOf(from, await scanned(bytes))?.contentBytes).toBeLessThanOrEqual(2 * PART_BYTES);
      }),
      { numRuns: 8 },
    );
  });

  it('is not worth it when a third is new, or the content is shifted', async () => {
    const from = await left(base);
    const third = Array.from({ length: 34 }, (_, n) => n * BLOCK_BYTES);
    const ends = third.map((at) => at + BLOCK_BYTES - 1);
    expect(patchOf(from, await scanned(edited(base, ...third, ...ends)))).toBeUndefined();
    expect(patchOf(from, await scanned(Buffer.concat([Buffer.from('!'), base])))).toBeUndefined();
  });

  it('is not made for a file of which nobody knows what is in the container', async () => {
    const entry = await scanned(base);
    const now = await scanned(edited(base, 1));
    expect(patchOf(undefined, now)).toBeUndefined();
    expect(patchOf(entry, now)).toBeUndefined();
    expect(patchOf({ ...entry, leftMtimeNs: 1n, blocks: undefined }, now)).toBeUndefined();
    expect(patchOf({ kind: 'symlink', target: 'x', stamp: entry.stamp }, now)).toBeUndefined();
  });

  it('is not made by notes of a content of another length', async () => {
    const from = await left(base);
    const now = await scanned(edited(base, 5));
    for (const other of [SIZE_BYTES + PART_BYTES, SIZE_BYTES - PART_BYTES, SIZE_BYTES - BLOCK_BYTES]) {
      expect(patchOf({ ...from, sizeBytes: other }, now)).toBeUndefined();
      expect(patchOf(from, { ...now, sizeBytes: other })).toBeUndefined();
    }
  });

  it('tells when a part is another one than the scan has seen', async () => {
    const from = await left(base);
    const now = await scanned(edited(base, 5));
    const patch = patchOf(from, now);
    if (patch === undefined) throw new Error('no patch');
    writeFileSync(join(folder, 'large'), edited(base, 5, 6));
    const reader = new PatchReader(join(folder, 'large'), now, patch);
    for await (const piece of reader.pieces()) expect(piece.length).toBe(PART_BYTES);
    expect(reader.isSame).toBe(false);
  });
});

describe('a file that is written to between being listed and being read', () => {
  const MB = 1 << 20;

  it.each([
    ['grows within its last block', 5 * MB + 100, 5 * MB + 100 + PART_BYTES],
    ['grows within its last block, and is read as a stream', 9 * MB + 100, 9 * MB + 100 + PART_BYTES],
    ['grows by some blocks', 5 * MB, 5 * MB + 200_000],
    ['grows by some blocks, and is read as a stream', 9 * MB, 9 * MB + 200_000],
    ['grows to a large one', 3 * MB, 5 * MB],
    ['shrinks within its last block', 5 * MB - 100, 5 * MB - 100 - PART_BYTES],
    ['shrinks within its last block, and is read as a stream', 9 * MB - 100, 9 * MB - 100 - PART_BYTES],
    ['shrinks to a small one', 5 * MB, 3 * MB],
    ['shrinks to a small one, and is read as a stream', 9 * MB, 3 * MB],
  ])('is told by the size of what was read when it %s', async (_, listedBytes, readBytes) => {
    const all = Buffer.alloc(Math.max(listedBytes, readBytes), 'some content, ');
    const entry = await scanned(all.subarray(0, listedBytes), new Map(), (path) =>
      writeFileSync(path, all.subarray(0, readBytes)),
    );
    const atRest = await scanned(all.subarray(0, entry.sizeBytes));
    expect({ ...entry, stamp: atRest.stamp }).toEqual(atRest);
  });

  it('is in a container what was remembered of it, however it grows', async () => {
    const growth = fc.nat(6 * PART_BYTES);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(growth, growth), { maxLength: 8 }), async (growths) => {
        const all = randomBytes(SIZE_BYTES + 100 * PART_BYTES);
        let size = SIZE_BYTES;
        let there: Buffer = all.subarray(0, size);
        let deployed = await left(there);
        for (const [before, meanwhile] of growths) {
          size += before + meanwhile;
          const now = await scanned(
            all.subarray(0, size - meanwhile),
            new Map([['large', deployed]]),
            (path) => writeFileSync(path, all.subarray(0, size)),
          );
          const patch = patchOf(deployed, now);
          if (patch === undefined) throw new Error('no patch');
          there = await applied(there, now, patch);
          expect(there.equals(all.subarray(0, now.sizeBytes))).toBe(true);
          deployed = { ...now, leftMtimeNs: tarTimeNs(now.stamp.mtimeMs) };
        }
      }),
      { numRuns: 8 },
    );
  });
});

describe('notes of blocks', () => {
  it('are the same whatever is known of the content before', async () => {
    const before = Buffer.alloc(SIZE_BYTES, 'some content, ');
    const known = new Map([['large', await scanned(before)]]);
    const nothing = new Map<string, FileEntry>();
    for (const bytes of [before, edited(before, 70_000), before.subarray(0, SIZE_BYTES - 900_000)]) {
      const { blocks } = await scanned(bytes, nothing);
      expect((await scanned(bytes, known)).blocks?.equals(blocks ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('are the same however the content is cut into pieces', () => {
    const bytes = Buffer.alloc(3 * BLOCK_BYTES + 5, 'abc');
    const hashed = (pieceBytes: number): string => {
      const hasher = new BlockHasher();
      for (let at = 0; at < bytes.length; at += pieceBytes)
        hasher.update(bytes.subarray(at, at + pieceBytes));
      return hasher.digest().toString('hex');
    };
    expect(new Set([1_000, BLOCK_BYTES - 1, BLOCK_BYTES, 150_000, bytes.length].map(hashed)).size).toBe(1);
  });

  it('stand for the content, which is also known by its plain hash as long as it stays the same', async () => {
    const bytes = Buffer.alloc(SIZE_BYTES, 'x');
    const entry = await scanned(bytes);
    expect(entry.sha256).toBe(identityOf(entry.blocks ?? Buffer.alloc(0)));
    const path = join(folder, 'large');
    const plain = createHash('sha256').update(bytes).digest('hex');
    expect(await plainHashOf(path, entry.sha256, signal)).toBe(plain);
    writeFileSync(path, 'other');
    expect(await plainHashOf(path, entry.sha256, signal)).toBeUndefined();
    rmSync(path);
    expect(await plainHashOf(path, entry.sha256, signal)).toBeUndefined();
  });
});
