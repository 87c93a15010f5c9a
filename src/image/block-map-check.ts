import { createHash, type Hash } from 'node:crypto';
import { RdtError } from '../errors.js';
import type { BlockMap, MappedRange } from './block-map.js';

/** Compares an image's bytes with the checksums of its block map while they pass by, in ascending order. */
export class BlockMapCheck {
  private readonly pending: MappedRange[];
  private hash: Hash | undefined;

  constructor(
    private readonly map: BlockMap,
    private readonly imageName: string,
  ) {
    this.pending = map.ranges.filter((range) => range.checksum !== undefined);
  }

  /** Throws an `RdtError` as soon as a range is complete and differs. */
  update(offset: number, data: Buffer): void {
    for (let range = this.pending[0]; range !== undefined; range = this.pending[0]) {
      const end = range.offset + range.sizeBytes;
      const from = Math.max(range.offset - offset, 0);
      const to = Math.min(end - offset, data.length);
      if (from >= to) return;
      this.hash ??= createHash(this.map.checksumAlgorithm ?? 'sha256');
      this.hash.update(data.subarray(from, to));
      if (offset + to < end) return;
      this.close(range, this.hash);
    }
  }

  private close(range: MappedRange, hash: Hash): void {
    const found = hash.digest('hex');
    this.hash = undefined;
    this.pending.shift();
    if (found === range.checksum) return;
    throw new RdtError(
      `${this.imageName} does not match its bmap: the checksum of bytes ${range.offset} to ${range.offset + range.sizeBytes - 1} differs`,
      { hint: 'Image and bmap belong to different versions, or the image is damaged: download both again.' },
    );
  }
}
