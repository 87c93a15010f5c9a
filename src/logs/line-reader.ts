import type { LogEntry } from '../transport/engine.js';
import type { LogLine } from './log-line.js';
import { TerminalEntries } from './terminal-entries.js';

/** `2026-01-31T12:00:00.123456789Z `, or with an offset of `+01:00` in place of the Z. */
const LONGEST_TIME = 36;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const SPACE = 32;
const LINE_FEED = 10;
/** An app that never ends its line must not fill the memory: so much of it is handed on as it is. */
const LONGEST_LINE_BYTES = 1024 * 1024;

/** What of a message is new: `LogCursor.isNew`. */
type IsNew = (stream: LogEntry['stream'], time: string) => boolean;

interface Begun {
  readonly time: string;
  readonly parts: Buffer[];
  bytes: number;
}

/**
 * Makes lines of the messages of one container. Keeps the beginning of a line whose end has not come, also while its log is opened anew.
 * Bytes are never decoded here: a character that two messages share stays whole.
 */
export class LineReader {
  private readonly begun = new Map<LogEntry['stream'], Begun>();
  private terminal: TerminalEntries | undefined;
  private lastWithoutTime: Buffer | undefined;

  constructor(
    private readonly app: string,
    private readonly timestamps: boolean,
    private readonly isNew: IsNew = () => true,
  ) {}

  /** To be called when the log is opened. */
  open(terminal: boolean): void {
    this.terminal = terminal ? new TerminalEntries(this.timestamps) : undefined;
  }

  read(batch: readonly LogEntry[]): LogLine[] {
    const lines: LogLine[] = [];
    for (const entry of this.terminal?.take(batch) ?? batch) this.readEntry(entry, lines);
    return lines;
  }

  /** What is left when the log has ended. */
  rest(): LogLine[] {
    const { terminal } = this;
    const lines: LogLine[] = [];
    for (const entry of terminal?.rest() ?? []) this.readEntry(entry, lines);
    for (const [stream, { time, parts }] of this.begun) {
      lines.push({ app: this.app, stream, time, bytes: Buffer.concat(parts) });
    }
    this.begun.clear();
    return lines;
  }

  private readEntry({ stream, bytes }: LogEntry, lines: LogLine[]): void {
    if (!this.timestamps) return this.join(stream, '', bytes, lines);
    const space = bytes.subarray(0, LONGEST_TIME).indexOf(SPACE);
    const time = bytes.toString('latin1', 0, Math.max(space, 0));
    if (!TIME.test(time)) return this.passWithoutTime(stream, bytes, lines);
    this.readTimed({ stream, bytes: bytes.subarray(space + 1) }, inUtc(time), lines);
  }

  private readTimed({ stream, bytes }: LogEntry, time: string, lines: LogLine[]): void {
    if (this.isNew(stream, time)) this.join(stream, time, bytes, lines);
  }

  /** What the engine says itself, such as that it cannot read the rest of the log: it says it anew each time the log is opened. */
  private passWithoutTime(stream: LogEntry['stream'], bytes: Buffer, lines: LogLine[]): void {
    if (this.lastWithoutTime?.equals(bytes) === true) return;
    this.lastWithoutTime = bytes;
    lines.push({ app: this.app, stream, time: '', bytes });
  }

  private join(stream: LogEntry['stream'], time: string, bytes: Buffer, lines: LogLine[]): void {
    const begun = this.begun.get(stream);
    const ends = bytes[bytes.length - 1] === LINE_FEED;
    if (begun === undefined && ends) {
      lines.push({ app: this.app, stream, time, bytes });
      return;
    }
    const { parts, ...line } = begun ?? { time, parts: [], bytes: 0 };
    parts.push(bytes);
    const size = line.bytes + bytes.length;
    if (!ends && size < LONGEST_LINE_BYTES) {
      this.begun.set(stream, { time: line.time, parts, bytes: size });
      return;
    }
    this.begun.delete(stream);
    lines.push({ app: this.app, stream, time: line.time, bytes: Buffer.concat(parts, size) });
  }
}

/** Engines stamp in UTC; one that does not would upset every comparison. */
function inUtc(time: string): string {
  if (time.endsWith('Z')) return time;
  const [, fraction = '000000000'] = /\.(\d{9})/.exec(time) ?? [];
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? time : `${new Date(ms).toISOString().slice(0, 19)}.${fraction}Z`;
}
