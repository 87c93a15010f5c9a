import type { ByteRange } from './block-device.js';

/**
 * Who says which blocks of an image matter: a bmap file, the holes of a sparse file, the allocation bitmaps of its ext
 * file systems, or nobody (then all of them do).
 */
export type BlockMapOrigin = 'bmap' | 'holes' | 'file-systems' | 'whole';

export interface MappedRange extends ByteRange {
  /** Lower-case hex over the bytes of this range; only a bmap has them. */
  readonly checksum?: string;
}

/** Ranges are in ascending order, not empty, do not overlap and end inside of the image. */
export interface BlockMap {
  readonly origin: BlockMapOrigin;
  /** Name for `crypto.createHash`, when the ranges carry checksums. */
  readonly checksumAlgorithm?: string;
  readonly ranges: readonly MappedRange[];
}

export const wholeImage = (sizeBytes: number): BlockMap => ({
  origin: 'whole',
  ranges: sizeBytes === 0 ? [] : [{ offset: 0, sizeBytes }],
});

export const totalBytes = (ranges: readonly ByteRange[]): number =>
  ranges.reduce((total, range) => total + range.sizeBytes, 0);

/** The parts of `ranges` that lie at or after `offset`, without checksums: they were made for whole ranges. */
export function rangesFrom(ranges: readonly ByteRange[], offset: number): ByteRange[] {
  return ranges.flatMap((range) => {
    const start = Math.max(range.offset, offset);
    const end = range.offset + range.sizeBytes;
    return end > start ? [{ offset: start, sizeBytes: end - start }] : [];
  });
}

/** `[0, sizeBytes)` without `holes`, which may come in any order and overlap. */
export function withoutRanges(sizeBytes: number, holes: readonly ByteRange[]): ByteRange[] {
  const sorted = [...holes].sort((one, other) => one.offset - other.offset);
  const ranges: ByteRange[] = [];
  let position = 0;
  for (const hole of sorted) {
    const end = Math.min(hole.offset, sizeBytes);
    if (end > position) ranges.push({ offset: position, sizeBytes: end - position });
    position = Math.max(position, hole.offset + hole.sizeBytes);
  }
  if (position < sizeBytes) ranges.push({ offset: position, sizeBytes: sizeBytes - position });
  return ranges;
}

/** Cuts ranges into pieces of at most `pieceBytes`, which end on multiples of it where they can. */
export function* piecesOf(ranges: Iterable<ByteRange>, pieceBytes: number): Generator<ByteRange> {
  for (const range of ranges) {
    const end = range.offset + range.sizeBytes;
    for (let offset = range.offset; offset < end; ) {
      const next = Math.min(end, (Math.floor(offset / pieceBytes) + 1) * pieceBytes);
      yield { offset, sizeBytes: next - offset };
      offset = next;
    }
  }
}

/** What drives with the largest sectors can address. */
const SECTOR_BYTES = 4096;

/** A range of a volume at `base` as one of the image, widened to what each drive can address, up to the end of the image. */
export function wholeSectors({ offset, sizeBytes }: ByteRange, base: number, imageBytes: number): ByteRange {
  const start = Math.floor((base + offset) / SECTOR_BYTES) * SECTOR_BYTES;
  const end = Math.ceil((base + offset + sizeBytes) / SECTOR_BYTES) * SECTOR_BYTES;
  return { offset: start, sizeBytes: Math.min(end, imageBytes) - start };
}
