import type { LogLine } from '../logs/log-line.js';
import type { Clock } from '../runtime.js';
import type { AppLog } from './app-log.js';

/** A run that has not said anything by then is not waited for: from before the restart. */
const WAIT_MS = 3_000;
/** Of a run that is about to end. */
const MOST_LINES = 1_000;

export interface HeardLine {
  /** RFC 3339, the device's clock. */
  readonly time: string;
  /** Monotonic. */
  readonly atMs: number;
}

/** Hears the app's lines from now on, for a while, and tells when the first one of the next run came. */
export class FirstLine {
  private readonly heard: HeardLine[] = [];
  private readonly over = new AbortController();
  private readonly ended: Promise<'ended'>;
  private wake: () => void = () => undefined;

  constructor(
    log: AppLog,
    private readonly clock: Clock,
  ) {
    const end = (): 'ended' => {
      this.over.abort();
      return 'ended';
    };
    this.ended = clock.sleep(WAIT_MS, this.over.signal).then(end, end);
    log.hear((lines) => this.take(lines), this.over.signal);
  }

  /** When the first one of the run came that `isOfRun` knows by its lines: monotonic ms, undefined when there is none soon. Once. */
  async atMs(isOfRun: (line: HeardLine) => boolean): Promise<number | undefined> {
    for (;;) {
      const first = this.heard.find(isOfRun);
      if (first !== undefined) {
        this.over.abort();
        return first.atMs;
      }
      const woken = new Promise<'heard'>((resolve) => (this.wake = () => resolve('heard')));
      if ((await Promise.race([this.ended, woken])) === 'ended') return undefined;
    }
  }

  private take(lines: readonly LogLine[]): void {
    const atMs = this.clock.monotonicMs();
    for (const { time } of lines) if (this.heard.length < MOST_LINES) this.heard.push({ time, atMs });
    this.wake();
  }
}
