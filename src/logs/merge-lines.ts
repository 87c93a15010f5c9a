import { BatchSource } from './batch-source.js';
import { Bell } from './bell.js';
import type { LogLine } from './log-line.js';

export type LineBatches = AsyncIterable<readonly LogLine[]>;

export interface LiveMerge {
  /** How long to wait for a log that says nothing while others do. */
  readonly idle: () => Promise<void>;
  /** Logs that come later. */
  readonly joining?: AsyncIterable<readonly LineBatches[]>;
}

/**
 * The lines of several logs in the order of their times. Those of logs that end wait for each other; those of live ones only so long. Ends with the
 * last of the logs when no more can join.
 */
export async function* mergeByTime(
  logs: readonly LineBatches[],
  live?: LiveMerge,
): AsyncGenerator<readonly LogLine[]> {
  const merge = new Merge(logs, live);
  try {
    while (merge.isOpen) {
      await merge.untilReady();
      const lines = merge.takeInOrder();
      if (lines.length > 0) yield lines;
    }
  } finally {
    merge.close();
  }
}

class Merge {
  private readonly bell = new Bell();
  private readonly sources: BatchSource<LogLine>[];
  private readonly joining: BatchSource<LineBatches> | undefined;

  constructor(
    logs: readonly LineBatches[],
    private readonly live: LiveMerge | undefined,
  ) {
    this.sources = logs.map((log) => new BatchSource(log, this.bell));
    this.joining = live?.joining && new BatchSource(live.joining, this.bell);
  }

  get isOpen(): boolean {
    return this.joining?.isOpen === true || this.sources.some((source) => source.isOpen);
  }

  /** Until each has a line, or live ones have had their time. */
  async untilReady(): Promise<void> {
    this.admit();
    while (this.live === undefined ? this.areSomeAwaited : this.areAllAwaited) await this.nextArrival();
    if (this.live !== undefined && this.areSomeAwaited) await this.grace(this.live.idle);
  }

  /** Until one of the logs that have something has no more. */
  takeInOrder(): LogLine[] {
    const lines: LogLine[] = [];
    let ready = this.sources.filter((source) => source.head !== undefined);
    while (ready.length > 0) {
      const first = earliest(ready);
      const { head } = first;
      if (head !== undefined) lines.push(head);
      first.skip();
      if (first.head === undefined) return lines;
      ready = ready.filter((source) => source.head !== undefined);
    }
    return lines;
  }

  close(): void {
    this.joining?.close();
    for (const source of this.sources) source.close();
  }

  private get areSomeAwaited(): boolean {
    return this.sources.some((source) => source.isAwaited);
  }

  private get areAllAwaited(): boolean {
    return this.isOpen && this.sources.every((source) => source.head === undefined);
  }

  private async nextArrival(): Promise<void> {
    const arrival = this.bell.heard();
    for (const source of [...this.sources, ...(this.joining ? [this.joining] : [])]) {
      if (source.isAwaited) source.ask();
    }
    await arrival;
    this.admit();
  }

  private async grace(idle: () => Promise<void>): Promise<void> {
    const time = { isOver: false };
    void idle().finally(() => {
      time.isOver = true;
      this.bell.ring();
    });
    while (!time.isOver && this.areSomeAwaited) await this.nextArrival();
  }

  private admit(): void {
    const { joining } = this;
    for (let log = joining?.head; joining !== undefined && log !== undefined; log = joining.head) {
      this.sources.push(new BatchSource(log, this.bell));
      joining.skip();
    }
    for (const ended of this.sources.filter((source) => !source.isOpen)) {
      this.sources.splice(this.sources.indexOf(ended), 1);
    }
  }
}

const earliest = (sources: readonly BatchSource<LogLine>[]): BatchSource<LogLine> =>
  sources.reduce((best, source) => ((source.head?.time ?? '') < (best.head?.time ?? '') ? source : best));
