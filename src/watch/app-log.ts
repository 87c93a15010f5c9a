import { RdtError } from '../errors.js';
import { followLogs } from '../logs/follow-logs.js';
import type { LogLine } from '../logs/log-line.js';
import type { LogView } from '../logs/log-view.js';
import type { Clock } from '../runtime.js';
import type { Engine } from '../transport/engine.js';
import { HurriedClock } from './hurried-clock.js';

const AGAIN_MS = 1_000;

export interface AppLogDeps {
  readonly app: string;
  /** A connection of its own, so that lines come on while the other one works. */
  connect(): Promise<Engine>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves when there is room for more. */
  show(lines: readonly LogLine[]): Promise<void>;
}

/** The app's output along with the syncs, from one moment on, through restarts, new containers and lost connections. */
export class AppLog implements AsyncDisposable {
  private readonly clock: HurriedClock;
  private readonly over = new AbortController();
  private following: Promise<void> | undefined;
  /** The newest line that was shown: `LogLine.time`. */
  private shownTo = '';
  private readonly hearers = new Set<(lines: readonly LogLine[]) => void>();

  constructor(private readonly deps: AppLogDeps) {
    this.clock = new HurriedClock(deps.clock);
  }

  /** From `since` (RFC 3339, the device's clock; undefined for all there is) to the end of the session. Once. */
  begin(since: string | undefined): void {
    this.following ??= this.follow(since);
  }

  /** The app was just started: its first lines are there in a moment. */
  hurry(): void {
    this.clock.hurry();
  }

  /** Tells of all lines from now on, until the signal is aborted. */
  hear(hearer: (lines: readonly LogLine[]) => void, signal: AbortSignal): void {
    this.hearers.add(hearer);
    signal.addEventListener('abort', () => this.hearers.delete(hearer), { once: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.over.abort();
    await this.following;
  }

  private async follow(since: string | undefined): Promise<void> {
    const { app, signal } = this.deps;
    const connect = (): Promise<Engine> => this.deps.connect();
    const ended = AbortSignal.any([signal, this.over.signal]);
    for (;;) {
      try {
        const from = this.shownTo;
        const range = { tail: undefined, since: from === '' ? since : from, until: undefined };
        const followed = { engine: await connect(), connect, range, grep: undefined };
        await followLogs([app], followed, { view: this.viewFrom(from), clock: this.clock, signal: ended });
      } catch (error) {
        // The sync tells of the device; an output that cannot be read now is read later.
        if (!ended.aborted && !(error instanceof RdtError)) throw error;
        await this.clock.sleep(AGAIN_MS, ended).catch(() => undefined);
      }
      if (ended.aborted) return;
    }
  }

  /** Of what is newer. What happens to container and device is told by the sync. */
  private viewFrom(time: string): LogView {
    return {
      needsTimes: false,
      begin: () => undefined,
      note: () => undefined,
      show: async (all) => {
        const lines = all.filter((line) => line.time === '' || line.time > time);
        for (const line of lines) if (line.time > this.shownTo) this.shownTo = line.time;
        for (const hear of this.hearers) hear(lines);
        await this.deps.show(lines);
      },
    };
  }
}
