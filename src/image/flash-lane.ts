import { RdtError } from '../errors.js';
import type { BufferPool } from './flash-buffers.js';
import type { OpenDrive } from './flash-drive.js';
import type { FlashPhase } from './flash-event.js';
import { checksumOf } from './page-memory.js';

/** What was written where; enough to know it again when it is read back. */
export interface WrittenPiece {
  readonly offset: number;
  /** At most one buffer, and a multiple of the sector size: the image's last piece is padded with zeros. */
  readonly sizeBytes: number;
  readonly checksum: number;
}

export const pieceOf = (offset: number, data: Buffer): WrittenPiece => ({
  offset,
  sizeBytes: data.length,
  checksum: checksumOf(data),
});

type Report = (phase: FlashPhase, doneBytes: number, totalBytes: number | undefined) => void;

/** One of several drives that are written in one pass. It fails alone: `failure` is set and its later steps are skipped. */
export class Lane {
  failure: RdtError | undefined;
  private current: FlashPhase = 'writing';
  private doneBytes = 0;
  private totalBytes: number | undefined;
  private lastWrite: Promise<void> = Promise.resolve();

  /** `head` is this drive's own copy of the first MiB, zeros until it is wanted; padded to whole sectors. */
  constructor(
    readonly drive: OpenDrive,
    readonly head: Buffer,
    private readonly report: Report,
    private readonly signal: AbortSignal,
  ) {}

  get phase(): FlashPhase {
    return this.current;
  }

  /** Runs one phase unless this lane failed before. `totalBytes` is what `advance` will add up to. */
  async run(phase: FlashPhase, totalBytes: number | undefined, step: () => Promise<void>): Promise<void> {
    if (this.failure !== undefined) return;
    this.current = phase;
    this.doneBytes = 0;
    this.totalBytes = totalBytes;
    this.advance(0);
    await this.attempt(step);
  }

  /** An `RdtError` of `step` is this lane's failure; anything else is a bug, or the abort of a signal. */
  async attempt(step: () => Promise<void>): Promise<void> {
    if (this.failure !== undefined) return;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof RdtError)) throw error;
      this.failure = error;
    }
  }

  /** Queues a write behind the earlier ones; resolves when it is done or has failed this lane. */
  write(offset: number, data: Buffer): Promise<void> {
    const write = this.lastWrite.then(() => this.attempt(() => this.writeNow(offset, data)));
    this.lastWrite = write;
    return write;
  }

  /** Reads every piece back from the medium. Throws an `RdtError` at the first one that differs. */
  async verify(pieces: readonly WrittenPiece[], pool: BufferPool): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let piece = pieces[next++]; piece !== undefined; piece = pieces[next++]) {
        this.signal.throwIfAborted();
        await this.verifyPiece(piece, pool).catch((error: unknown) => {
          next = pieces.length; // One is enough: the other worker need not read on for minutes.
          throw error;
        });
      }
    };
    const results = await Promise.allSettled([worker(), worker()]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Nothing once the signal is aborted: a slow card would take seconds for what is queued. */
  private async writeNow(offset: number, data: Buffer): Promise<void> {
    if (this.signal.aborted) return;
    if (offset + data.length > this.drive.sizeBytes) {
      throw new RdtError(
        `the image is larger than ${this.drive.path}, which holds ${this.drive.sizeBytes} bytes (the packed image did not tell its size before)`,
        { hint: 'What was written is not usable, and cannot boot. Take a larger drive.' },
      );
    }
    await this.drive.write(offset, data);
    this.advance(data.length);
  }

  private async verifyPiece(piece: WrittenPiece, pool: BufferPool): Promise<void> {
    await pool.with(async (buffer) => {
      const target = buffer.subarray(0, piece.sizeBytes);
      await this.drive.readInto(piece.offset, target);
      if (checksumOf(target) === piece.checksum) return;
      throw new RdtError(
        `${this.drive.path} does not hold what was written to it: bytes ${piece.offset} to ${piece.offset + piece.sizeBytes - 1} read back differently`,
        { hint: 'The card is worn out or counterfeit, or its reader is faulty. Try another one.' },
      );
    });
    this.advance(piece.sizeBytes);
  }

  private advance(bytes: number): void {
    this.doneBytes += bytes;
    this.report(this.current, this.doneBytes, this.totalBytes);
  }
}
