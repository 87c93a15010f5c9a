import type { Clock } from '../runtime.js';

const BEAT_MS = 1_000;
/** A device at rest answers in a few. */
const SOON_MS = 700;
/** A link that is full of what we send ourselves lets a new connection wait, and its first packet may be lost: TCP sends another one after 1 s. */
const REACH_MS = 1_500;
const REACH_AGAIN_MS = 250;
/** One may be lost on its way, or wait behind what we send ourselves. */
const FAILED_AT_LEAST = 2;
const LOST_MS = 4_000;
/** What is under way may be answered so much later by itself. */
const GRACE_MS = 1_000;

export interface CutWatchDeps {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Asks the engine on a connection that may be an old one. */
  ping(signal: AbortSignal): Promise<void>;
  /** Whether a connection of its own comes about within `timeoutMs`: the device is there, however busy. */
  reach(timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  /** What is under way with the device; another value for each work, undefined for none. */
  work(): number | undefined;
}

/**
 * Tells, while something is under way, a device that was cut off from one that is slow to answer. After a cut TCP itself tries again at
 * 0.2, 0.6, 1.4, 3, 6, 12 s: what was under way then stands still long after the device is back, while new connections work.
 */
export class CutWatch {
  constructor(private readonly deps: CutWatchDeps) {}

  /** Resolves when what is under way will not go on: the device does not answer new connections any more, or was away in between. */
  async cut(): Promise<void> {
    const { clock, signal } = this.deps;
    for (;;) {
      await clock.sleep(BEAT_MS, signal);
      const work = this.deps.work();
      if (work !== undefined && (await this.isCut(work))) return;
    }
  }

  private async isCut(work: number): Promise<boolean> {
    const { deps } = this;
    const { clock, signal } = deps;
    const over = new AbortController();
    const stop = (): void => over.abort();
    signal.addEventListener('abort', stop, { once: true });
    let isOver = false;
    const answered = new Promise<void>((resolve) => {
      const note = (): void => {
        isOver = true;
        resolve();
      };
      // That it is not answered is known, and of more than that whoever is at work hears.
      deps.ping(over.signal).then(note, () => undefined);
    });
    try {
      await Promise.race([answered, clock.sleep(SOON_MS, signal)]);
      const isWaiting = (): boolean => !isOver && deps.work() === work;
      return await this.staysAway(isWaiting, answered);
    } finally {
      signal.removeEventListener('abort', stop);
      over.abort();
    }
  }

  private async staysAway(isWaiting: () => boolean, answered: Promise<unknown>): Promise<boolean> {
    const { deps } = this;
    const { clock, signal } = deps;
    const startMs = clock.monotonicMs();
    for (let failed = 0; isWaiting(); ) {
      if (!(await deps.reach(REACH_MS, signal))) {
        failed++;
        if (failed >= FAILED_AT_LEAST && clock.monotonicMs() - startMs >= LOST_MS) return isWaiting();
      } else if (failed >= FAILED_AT_LEAST) {
        await Promise.race([answered, clock.sleep(GRACE_MS, signal)]);
        return isWaiting();
      } else return false;
      await clock.sleep(REACH_AGAIN_MS, signal);
    }
    return false;
  }
}
