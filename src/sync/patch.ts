import { areNotesOf, BLOCK_PARTS, blockCount, hashAt, PART_BYTES, partHash, partHashAt } from './blocks.js';
import { piecesOf } from './file-content.js';
import type { FileEntry, LocalEntry } from './tree.js';

/** With more than this share of new parts, the whole file goes: it is compressed then, and written once. */
const MOST_NEW_SHARE = 0.3;
/** A program runs in the container for each. */
const MOST_RUNS = 256;

/** Parts of blocks that follow each other; `from` counts from the beginning of the file. */
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
  // Parts that were never sent would be left out, and be zeros there.
  if (!areNotesOf(base.blocks, base.sizeBytes) || !areNotesOf(now.blocks, now.sizeBytes)) return undefined;
  const runs: { from: number; count: number }[] = [];
  let contentBytes = 0;
  for (const run of newRuns(base.blocks, now.blocks, now.sizeBytes)) {
    contentBytes += runLength(now.sizeBytes, run);
    const last = runs.at(-1);
    if (last !== undefined && last.from + last.count === run.from) last.count += run.count;
    else runs.push(run);
  }
  if (contentBytes > now.sizeBytes * MOST_NEW_SHARE || runs.length > MOST_RUNS) return undefined;
  const from = { sizeBytes: base.sizeBytes, mtimeNs: base.leftMtimeNs };
  return { base: from, lengthBytes: now.sizeBytes, runs, contentBytes };
}

/** One for each block that differs, from the first to the last of its parts that do. */
function* newRuns(base: Buffer, now: Buffer, sizeBytes: number): Generator<Run> {
  for (let block = 0; block < blockCount(sizeBytes); block++) {
    if (hashAt(now, block).equals(hashAt(base, block))) continue;
    const start = block * BLOCK_PARTS;
    const end = Math.min(start + BLOCK_PARTS, Math.ceil(sizeBytes / PART_BYTES));
    const isNew = (part: number): boolean => !partHashAt(now, part).equals(partHashAt(base, part));
    let [from, last] = [start, end - 1];
    while (from < last && !isNew(from)) from++;
    while (last > from && !isNew(last)) last--;
    yield { from, count: last - from + 1 };
  }
}

const runLength = (sizeBytes: number, { from, count }: Run): number =>
  Math.min(count * PART_BYTES, sizeBytes - from * PART_BYTES);

/** Reads what a patch sends, run by run. */
export class PatchReader {
  /** False when a part was another one than the patch was made for. */
  isSame = true;

  constructor(
    private readonly absolute: string,
    private readonly entry: FileEntry,
    private readonly patch: Patch,
  ) {}

  async *pieces(): AsyncGenerator<Buffer> {
    for (const run of this.patch.runs) {
      const end = run.from + run.count;
      for (let from = run.from; from < end; from += BLOCK_PARTS)
        yield await this.read({ from, count: Math.min(BLOCK_PARTS, end - from) });
    }
  }

  private async read(run: Run): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const length = runLength(this.entry.sizeBytes, run);
    for await (const piece of piecesOf(this.absolute, run.from * PART_BYTES, length)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    for (let at = 0; at < bytes.length; at += PART_BYTES)
      this.compare(run.from + at / PART_BYTES, bytes.subarray(at, at + PART_BYTES));
    return bytes;
  }

  private compare(part: number, bytes: Buffer): void {
    const { blocks } = this.entry;
    if (blocks === undefined || !partHash(bytes).equals(partHashAt(blocks, part))) this.isSame = false;
  }
}
