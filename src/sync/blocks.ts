import { createHash, type Hash } from 'node:crypto';

/** Larger files are never in memory as a whole, and are told by their blocks. */
export const LARGE_BYTES = 4 << 20;
export const BLOCK_BYTES = 64 << 10;
const HASH_BYTES = 32;

/** Takes the sha256 of each block of a content that comes in pieces of any size. */
export class BlockHasher {
  private readonly hashes: Buffer[] = [];
  private current: Hash = createHash('sha256');
  private filledBytes = 0;

  update(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + BLOCK_BYTES - this.filledBytes);
      this.current.update(part);
      this.filledBytes += part.length;
      at += part.length;
      if (this.filledBytes === BLOCK_BYTES) this.close();
    }
  }

  /** All hashes, one after the other; to be called once, at the end. The last block may be shorter. */
  digest(): Buffer {
    if (this.filledBytes > 0) this.close();
    return Buffer.concat(this.hashes);
  }

  private close(): void {
    this.hashes.push(this.current.digest());
    this.current = createHash('sha256');
    this.filledBytes = 0;
  }
}

export const blockCount = (sizeBytes: number): number => Math.ceil(sizeBytes / BLOCK_BYTES);

/** The hash of one block. */
export const hashAt = (hashes: Buffer, block: number): Buffer =>
  hashes.subarray(block * HASH_BYTES, (block + 1) * HASH_BYTES);

/** How long the hashes of a file of this size are. */
export const hashesLength = (sizeBytes: number): number => blockCount(sizeBytes) * HASH_BYTES;

export const blockHash = (block: Buffer): Buffer => createHash('sha256').update(block).digest();

/** What stands for the content of a large file, in hex: reading it once is enough for this and for its blocks. */
export const identityOf = (hashes: Buffer): string => createHash('sha256').update(hashes).digest('hex');
