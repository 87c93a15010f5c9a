import type { LogLine } from './log-line.js';

type Batches = AsyncIterable<readonly LogLine[]>;

/** One log on its way into the merge. */
class Source {
  private readonly iterator: AsyncIterator<readonly LogLine[]>;
  private lines: readonly LogLine[] = [];
  private at = 0;
  private asked: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;
  private hasEnded = false;

  constructor(batches: Batches) {
    this.iterator = batches[Symbol.asyncIterator]();
  }

  /** Throws what the log failed with. */
  get head(): LogLine | undefined {
    if (this.failure !== undefined) throw this.failure.error;
    return this.lines[this.at];
  }

  get isOpen(): boolean {
    return !this.hasEnded;
  }

  skip(): void {
    this.at += 1;
  }

  /** Never rejects: `head` throws. */
  arrival(): Promise<void> {
    this.asked ??= this.ask();
    return this.asked;
  }

  close(): void {
    // One that waits for its device ends when its signal is aborted.
    void this.iterator.return?.().catch(() => undefined);
  }

  private async ask(): Promise<void> {
    try {
      const result = await this.iterator.next();
      this.hasEnded = result.done === true;
      this.lines = result.done === true ? [] : result.value;
    } catch (error) {
      this.failure = { error };
    }
    this.at = 0;
    this.asked = undefined;
  }
}

/**
 * The lines of several logs in the order of their times. `idle` is how long to wait for a log that says nothing while others do; without it
 * the merge waits for each, as it must for logs that end.
 */
export async function* mergeByTime(
  logs: readonly Batches[],
  idle?: () => Promise<void>,
): AsyncGenerator<readonly LogLine[]> {
  const sources = logs.map((log) => new Source(log));
  try {
    for (;;) {
      await untilReady(sources, idle);
      const lines = takeInOrder(sources);
      if (lines.length > 0) yield lines;
      if (!sources.some((source) => source.isOpen)) return;
    }
  } finally {
    for (const source of sources) source.close();
  }
}

async function untilReady(
  sources: readonly Source[],
  idle: (() => Promise<void>) | undefined,
): Promise<void> {
  const silent = () => sources.filter((source) => source.isOpen && source.head === undefined);
  const arrivals = () => silent().map((source) => source.arrival());
  const allSilent = () => silent().length === sources.filter((source) => source.isOpen).length;
  while (silent().length > 0 && (idle === undefined || allSilent())) await Promise.race(arrivals());
  if (silent().length > 0 && idle !== undefined) await Promise.race([Promise.all(arrivals()), idle()]);
}

/** Until one of the logs that have something has no more. */
function takeInOrder(sources: readonly Source[]): LogLine[] {
  const lines: LogLine[] = [];
  let ready = sources.filter((source) => source.head !== undefined);
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

const earliest = (sources: readonly Source[]): Source =>
  sources.reduce((best, source) => ((source.head?.time ?? '') < (best.head?.time ?? '') ? source : best));
