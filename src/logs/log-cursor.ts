import type { LogEntry } from '../transport/engine.js';

type StreamName = LogEntry['stream'];

/** Both outputs of an app are stamped by threads of their own, so that their times are not quite in the order of the log. */
const SLACK_MS = 5_000;

/** How far one output has been read. */
class StreamPlace {
  private latest = '';
  /** Above `latest` after the device's clock was set back. */
  private highest = '';
  /** Messages that came last and have the time `latest`. */
  private atLatest = 0;
  /** While what is known comes again: how many of those at `latest` have. */
  private again: number | undefined;

  get time(): string {
    return this.latest;
  }

  rewind(): void {
    this.again = this.latest === '' ? undefined : 0;
  }

  isNew(time: string): boolean {
    if (this.again !== undefined && !this.isPast(time)) return false;
    this.again = undefined;
    this.atLatest = time === this.latest ? this.atLatest + 1 : 1;
    this.latest = time;
    if (time > this.highest) this.highest = time;
    return true;
  }

  /** Messages of one output are in order: whatever comes after the last known one is new, and what is later than all known ones. */
  private isPast(time: string): boolean {
    if (time > this.highest || this.again === this.atLatest) return true;
    if (time === this.latest) this.again = (this.again ?? 0) + 1;
    return false;
  }
}

/**
 * How far the log of one container has been read. Times are as in `LogLine.time`. Reading goes on in three steps: ask the engine for what it has
 * since `since()`, call `rewind()`, and show only the messages that `isNew` lets pass: each exactly once, however often the connection is cut.
 */
export class LogCursor {
  private lastStart = '';
  private readonly places: Readonly<Record<StreamName, StreamPlace>> = {
    stdout: new StreamPlace(),
    stderr: new StreamPlace(),
  };

  get isAtStart(): boolean {
    return this.latest === '';
  }

  /**
   * To be called with the container's start each time its log is opened: RFC 3339, undefined before the first message. A start that is new and
   * yet earlier than what was read is that of a device that woke up with an older clock.
   */
  since(startedAt: string): string | undefined {
    const isNewStart = startedAt !== this.lastStart;
    this.lastStart = startedAt;
    if (this.isAtStart) return undefined;
    const slack = earlier(this.latest, SLACK_MS);
    // An app may print before the engine books its start.
    return isNewStart && startedAt < slack ? earlier(startedAt, SLACK_MS) : slack;
  }

  rewind(): void {
    this.places.stdout.rewind();
    this.places.stderr.rewind();
  }

  isNew(stream: StreamName, time: string): boolean {
    return this.places[stream].isNew(time);
  }

  private get latest(): string {
    const { stdout, stderr } = this.places;
    return stdout.time > stderr.time ? stdout.time : stderr.time;
  }
}

const earlier = (time: string, ms: number): string =>
  new Date(Date.parse(time) - ms).toISOString().replace('Z', '000000Z');
