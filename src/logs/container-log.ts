import type { Container, Engine, LogEntry } from '../transport/engine.js';
import type { EngineLink } from './engine-link.js';
import { LineReader } from './line-reader.js';
import { LogCursor } from './log-cursor.js';
import type { LogLine } from './log-line.js';
import { LogNotices, type LogNoticesDeps } from './log-notices.js';
import { isGoneContainer, isUnreadableLog } from './unreadable-log.js';

const FIRST_POLL_MS = 100;
const LONGEST_POLL_MS = 1_000;
/** What was replaced may come back when a push fails. */
const MOST_READINGS = 4;

export interface LogRange {
  /** Number of last lines; undefined for all. */
  readonly tail: number | undefined;
  /** As `LogLine.time`. */
  readonly since: string | undefined;
  readonly until: string | undefined;
}

export interface ContainerLogDeps extends LogNoticesDeps {
  /** One whose log cannot be read is told of and left out; otherwise it is a failure. */
  readonly leavesOutUnreadable: boolean;
  readonly signal: AbortSignal;
}

/** How far one container's log has been read, and the beginning of its last line. */
class Reading {
  readonly cursor = new LogCursor();
  readonly lines: LineReader;
  /** The start after which it was read to its end. */
  endedStart: string | undefined;

  constructor(app: string) {
    this.lines = new LineReader(app, true, (stream, time) => this.cursor.isNew(stream, time));
  }
}

interface Opened {
  readonly engine: Engine;
  readonly container: Container;
  readonly reading: Reading;
  readonly batches: AsyncIterable<readonly LogEntry[]>;
}

/**
 * The log of the container that has this name, now and later: `backlog` first, then `live`. No line is given twice, and none is left out
 * as long as the engine still has it.
 */
export class ContainerLog {
  private readonly readings = new Map<string, Reading>();
  private readonly notices: LogNotices;
  private current: string | undefined;
  private backlogIsRead = false;
  private unreadableId: string | undefined;

  constructor(
    readonly app: string,
    private readonly range: LogRange,
    private readonly deps: ContainerLogDeps,
  ) {
    this.notices = new LogNotices(app, deps);
  }

  /** What there is by now. Rejects when the connection is cut. */
  async *backlog(engine: Engine): AsyncGenerator<readonly LogLine[]> {
    const opened = await this.open(engine, false);
    if (opened === undefined) return;
    for await (const batch of opened.batches) {
      const lines = opened.reading.lines.read(batch);
      if (this.range.tail !== 0) yield lines;
    }
    this.backlogIsRead = true;
  }

  /**
   * What comes after the backlog: for ever, or until the container is removed for good, after which it may be asked for again. Rejects with the
   * signal's reason, and when the device is there but says no.
   */
  async *live(link: EngineLink, until: 'for-ever' | 'removed'): AsyncGenerator<readonly LogLine[]> {
    let pollMs = FIRST_POLL_MS;
    do {
      let some = false;
      for await (const lines of this.onward(link)) {
        some ||= lines.length > 0;
        if (lines.length > 0) yield lines;
      }
      pollMs = some ? FIRST_POLL_MS : Math.min(2 * pollMs, LONGEST_POLL_MS);
      await this.deps.clock.sleep(pollMs, this.deps.signal);
    } while (until === 'for-ever' || !this.notices.isRemoved);
  }

  /** Until the container stops or the connection is cut; nothing when there is nothing new to expect. */
  private async *onward(link: EngineLink): AsyncGenerator<readonly LogLine[]> {
    const opened = await link.run((engine) => this.open(engine, true, link.wasLost));
    if (opened === undefined) return;
    link.heard();
    const { engine, container, reading, batches } = opened;
    try {
      for await (const batch of batches) yield reading.lines.read(batch);
    } catch (error) {
      await link.failed(engine, error);
      return;
    }
    if (isAlive(container)) return;
    reading.endedStart = container.state.startedAt;
    yield reading.lines.rest();
  }

  private async open(engine: Engine, follow: boolean, wasLost = false): Promise<Opened | undefined> {
    const { signal } = this.deps;
    const container = await engine.inspectContainer(this.app, signal);
    this.notices.look(container, wasLost);
    if (container === undefined || container.id === this.unreadableId) return undefined;
    const reading = this.readingOf(container);
    if (!isAlive(container) && reading.endedStart === container.state.startedAt) return undefined;
    const options = {
      follow: follow && isAlive(container),
      timestamps: true,
      ...this.rangeFor(reading, container),
    };
    try {
      const { terminal, batches } = await engine.logEntries(container.id, options, signal);
      reading.cursor.rewind();
      reading.lines.open(terminal);
      return { engine, container, reading, batches };
    } catch (error) {
      if (isGoneContainer(error)) return undefined;
      if (!this.deps.leavesOutUnreadable || !isUnreadableLog(error)) throw error;
      this.unreadableId = container.id;
      this.deps.emit({ type: 'unreadable', app: this.app });
      return undefined;
    }
  }

  private rangeFor({ cursor }: Reading, { id, state }: Container): { since?: string; tail?: number } {
    const { tail, since = '' } = this.range;
    const known = cursor.since(state.startedAt);
    const from = known === undefined || since > known ? since : known;
    const isFirst = known === undefined && !this.backlogIsRead && id === [...this.readings.keys()][0];
    return {
      ...(from !== '' && { since: from }),
      // With no line at all nobody would know later where the log stood.
      ...(isFirst && tail !== undefined && { tail: Math.max(tail, 1) }),
    };
  }

  private readingOf({ id }: Container): Reading {
    const known = this.readings.get(id) ?? new Reading(this.app);
    if (this.current !== id) this.current = id;
    this.readings.set(id, known);
    const [oldest] = this.readings.keys();
    if (this.readings.size > MOST_READINGS && oldest !== undefined) this.readings.delete(oldest);
    return known;
  }
}

/** While it waits for its next try the engine calls it running as well. */
const isAlive = ({ state }: Container): boolean => state.running && !state.restarting;
