import { createHash, hash } from 'node:crypto';

/** Larger files are never in memory as a whole, and are told by their blocks. */
export const LARGE_BYTES = 4 << 20;
export const BLOCK_BYTES = 64 << 10;
/** Of a changed block, only the parts that differ are sent. */
export const PART_BYTES = 4 << 10;
export const BLOCK_PARTS = BLOCK_BYTES / PART_BYTES;

const HASH_BYTES = 32;
/** The beginning of a sha256. */
const PART_HASH_BYTES = 8;
const NOTE_BYTES = HASH_BYTES + BLOCK_PARTS * PART_HASH_BYTES;

/**
 * Takes a note of each block of a content that comes in pieces of any size: its sha256, then the short hashes of its parts, and zeros
 * for parts that a last block does not have. `before`, the notes of the content as it was, saves hashing the parts of blocks that stayed.
 */
export class BlockHasher {
  private readonly notes: Buffer[] = [];
  private readonly held = Buffer.alloc(BLOCK_BYTES);
  private heldBytes = 0;
  private takenBytes = 0;

  constructor(private readonly before?: Buffer) {}

  /** How long the content is so far. */
  get sizeBytes(): number {
    return this.takenBytes + this.heldBytes;
  }

  update(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      if (this.heldBytes === 0 && piece.length - at >= BLOCK_BYTES) {
        this.take(piece.subarray(at, at + BLOCK_BYTES));
        at += BLOCK_BYTES;
        continue;
      }
      const copied = piece.copy(this.held, this.heldBytes, at);
      this.heldBytes += copied;
      at += copied;
      if (this.heldBytes === BLOCK_BYTES) this.takeHeld();
    }
  }

  /** All notes, one after the other; to be called once, at the end. The last block may be shorter. */
  digest(): Buffer {
    if (this.heldBytes > 0) this.takeHeld();
    return Buffer.concat(this.notes);
  }

  private takeHeld(): void {
    const block = this.held.subarray(0, this.heldBytes);
    this.heldBytes = 0;
    this.take(block);
  }

  private take(block: Buffer): void {
    this.takenBytes += block.length;
    const blockHash = hash('sha256', block, 'buffer');
    const place = this.notes.length;
    const isAsBefore = this.before !== undefined && hashAt(this.before, place).equals(blockHash);
    this.notes.push(isAsBefore ? noteAt(this.before, place) : noteOf(block, blockHash));
  }
}

function noteOf(block: Buffer, blockHash: Buffer): Buffer {
  const note = Buffer.alloc(NOTE_BYTES);
  blockHash.copy(note);
  for (let part = 0; part * PART_BYTES < block.length; part++)
    partHash(block.subarray(part * PART_BYTES, (part + 1) * PART_BYTES)).copy(note, partPlace(part));
  return note;
}

const partPlace = (part: number): number => HASH_BYTES + part * PART_HASH_BYTES;

export const partHash = (part: Buffer): Buffer => hash('sha256', part, 'buffer').subarray(0, PART_HASH_BYTES);

export const blockCount = (sizeBytes: number): number => Math.ceil(sizeBytes / BLOCK_BYTES);

/** Empty for a block that there is not. */
const noteAt = (notes: Buffer, block: number): Buffer =>
  notes.subarray(block * NOTE_BYTES, (block + 1) * NOTE_BYTES);

/** The hash of one block. */
export const hashAt = (notes: Buffer, block: number): Buffer => noteAt(notes, block).subarray(0, HASH_BYTES);

/** The hash of one part; `part` counts from the beginning of the file. */
export function partHashAt(notes: Buffer, part: number): Buffer {
  const note = noteAt(notes, Math.floor(part / BLOCK_PARTS));
  const place = partPlace(part % BLOCK_PARTS);
  return note.subarray(place, place + PART_HASH_BYTES);
}

/** How long the notes of a file of this size are. */
export const notesLength = (sizeBytes: number): number => blockCount(sizeBytes) * NOTE_BYTES;

/** False for notes of a longer content, or a shorter one, as far as they can tell: by their parts. */
export function areNotesOf(notes: Buffer, sizeBytes: number): boolean {
  if (notes.length !== notesLength(sizeBytes)) return false;
  const parts = Math.ceil(sizeBytes / PART_BYTES);
  const hasPart = (part: number): boolean => partHashAt(notes, part).some((byte) => byte !== 0);
  return hasPart(parts - 1) && (parts % BLOCK_PARTS === 0 || !hasPart(parts));
}

/** What stands for the content of a large file, in hex: reading it once is enough for this and for its blocks. */
export function identityOf(notes: Buffer): string {
  const identity = createHash('sha256');
  for (let at = 0; at < notes.length; at += NOTE_BYTES) identity.update(notes.subarray(at, at + HASH_BYTES));
  return identity.digest('hex');
}
