import { BLOCK_BYTES, blockCount, blockHash, hashAt } from './blocks.js';
import { piecesOf } from './file-content.js';
import type { FileEntry, LocalEntry } from './tree.js';

/** With more than this share of new blocks, the whole file goes: it is compressed then, and written once. */
const MOST_NEW_SHARE = 0.3;
/** A program runs in the container for each. */
const MOST_RUNS = 256;

/** Blocks that follow each other. */
export interface Run {
  readonly from: number;
  readonly count: number;
}

/** How a large file in the container becomes the one here. */
export interface Patch {
  /** What the file in the container must be for it. */
  readonly base: { readonly sizeBytes: number; readonly mtimeNs: bigint };
  /** Of the file as it will be. */
  readonly lengthBytes: number;
  /** What is new, in ascending order; empty where only the mode or the end differs. */
  readonly runs: readonly Run[];
  /** Together, of the runs. */
  readonly contentBytes: number;
}

/** Undefined when sending the whole file is better, or nothing is known of one of the two. */
export function patchOf(base: LocalEntry | undefined, now: FileEntry): Patch | undefined {
  if (base?.kind !== 'file' || base.leftMtimeNs === undefined) return undefined;
  if (base.blocks === undefined || now.blocks === undefined) return undefined;
  const runs: { from: number; count: number }[] = [];
  let contentBytes = 0;
  for (let block = 0; block < blockCount(now.sizeBytes); block++) {
    if (hashAt(now.blocks, block).equals(hashAt(base.blocks, block))) continue;
    contentBytes += blockLength(now.sizeBytes, block);
    const last = runs.at(-1);
    if (last !== undefined && last.from + last.count === block) last.count += 1;
    else runs.push({ from: block, count: 1 });
  }
  if (contentBytes > now.sizeBytes * MOST_NEW_SHARE || runs.length > MOST_RUNS) return undefined;
  const from = { sizeBytes: base.sizeBytes, mtimeNs: base.leftMtimeNs };
  return { base: from, lengthBytes: now.sizeBytes, runs, contentBytes };
}

const blockLength = (sizeBytes: number, block: number): number =>
  Math.min(BLOCK_BYTES, sizeBytes - block * BLOCK_BYTES);

/** Reads what a patch sends, block by block. */
export class PatchReader {
  /** False when a block was another one than the patch was made for. */
  isSame = true;

  constructor(
    private readonly absolute: string,
    private readonly entry: FileEntry,
    private readonly patch: Patch,
  ) {}

  async *pieces(): AsyncGenerator<Buffer> {
    for (const { from, count } of this.patch.runs) {
      for (let block = from; block < from + count; block++) yield await this.block(block);
    }
  }

  private async block(block: number): Promise<Buffer> {
    const { sizeBytes, blocks } = this.entry;
    const pieces: Buffer[] = [];
    const length = blockLength(sizeBytes, block);
    for await (const piece of piecesOf(this.absolute, block * BLOCK_BYTES, length)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    if (blocks === undefined || !blockHash(bytes).equals(hashAt(blocks, block))) this.isSame = false;
    return bytes;
  }
}
