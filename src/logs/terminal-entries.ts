import type { LogEntry } from '../transport/engine.js';

const LINE_FEED = 10;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) $/;
/** With `Z`: what all engines send that keep UTC. */
const TIME_BYTES = '2026-01-31T12:00:00.123456789Z '.length;
/** Engines cut longer lines since 17.06, and put a time before each piece. */
const PIECE_BYTES = 16 * 1024;
const LONGEST_BYTES = 1024 * 1024;

/**
 * The messages in the output of a container with a terminal, which comes without frames: they end with a line feed, or are the pieces of a long
 * line, each of which has `PIECE_BYTES` and is followed by the next one's time.
 */
export class TerminalEntries {
  private pending: Buffer = Buffer.alloc(0);

  constructor(private readonly timestamps: boolean) {}

  take(batch: readonly LogEntry[]): LogEntry[] {
    this.pending = Buffer.concat([this.pending, ...batch.map(({ bytes }) => bytes)]);
    const entries: LogEntry[] = [];
    let start = 0;
    for (let end = this.endOf(start); end > start; end = this.endOf(start)) {
      entries.push(entryOf(this.pending.subarray(start, end)));
      start = end;
    }
    this.pending = this.pending.subarray(start);
    return entries;
  }

  /** What is left when the output has ended. */
  rest(): LogEntry[] {
    const { pending } = this;
    this.pending = Buffer.alloc(0);
    return pending.length === 0 ? [] : [entryOf(pending)];
  }

  /** Where the message ends that begins at `start`; `start` when it is not there as a whole. */
  private endOf(start: number): number {
    const { pending } = this;
    const feed = pending.indexOf(LINE_FEED, start);
    const lineEnd = feed < 0 ? start : feed + 1;
    const pieceEnd = start + TIME_BYTES + PIECE_BYTES;
    if (this.timestamps && pending.length >= pieceEnd && (feed < 0 || lineEnd > pieceEnd)) {
      if (pending.length < pieceEnd + TIME_BYTES && feed < 0) return start;
      if (TIME.test(pending.toString('latin1', pieceEnd, pieceEnd + TIME_BYTES))) return pieceEnd;
    }
    if (lineEnd === start && pending.length - start >= LONGEST_BYTES) return pending.length;
    return lineEnd;
  }
}

const entryOf = (bytes: Buffer): LogEntry => ({ stream: 'stdout', bytes });
