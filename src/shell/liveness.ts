import type { Clock } from '../runtime.js';

const PAUSE_MS = 3_000;
/** Less than the 15 s that are promised, by one pause and one question. */
const PATIENCE_MS = 9_500;

export interface Liveness {
  /** Resolves when the other side answers, rejects when it does not within a short time. */
  ask(signal: AbortSignal): Promise<void>;
  readonly clock: Clock;
  readonly onLost: () => void;
}

/**
 * Tells when the other side has gone silent. A TCP connection alone does not, while something that was typed is on its way:
 * the kernel sends that again for a quarter of an hour.
 */
export class LivenessWatch implements Disposable {
  private readonly stop = new AbortController();
  private heardMs: number;

  constructor(private readonly liveness: Liveness) {
    this.heardMs = liveness.clock.monotonicMs();
    void this.watch();
  }

  /** Output came: that is an answer too. */
  readonly heard = (): void => {
    this.heardMs = this.liveness.clock.monotonicMs();
  };

  [Symbol.dispose](): void {
    this.stop.abort();
  }

  private async watch(): Promise<void> {
    const { clock, onLost } = this.liveness;
    while (await this.pause()) {
      await this.ask();
      if (this.stop.signal.aborted || clock.monotonicMs() - this.heardMs < PATIENCE_MS) continue;
      onLost();
      return;
    }
  }

  /** False when nobody watches any more. */
  private pause(): Promise<boolean> {
    return this.liveness.clock.sleep(PAUSE_MS, this.stop.signal).then(
      () => true,
      () => false,
    );
  }

  private ask(): Promise<void> {
    // Why it does not answer is told by the time that passes.
    return this.liveness.ask(this.stop.signal).then(this.heard, () => undefined);
  }
}
