import type { Clock } from '../../../src/runtime.js';

interface Sleeper {
  readonly wakesAtMs: number;
  wake(): void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  private nowMs = 0;
  private readonly sleepers = new Set<Sleeper>();

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return 1_800_000_000_000 + this.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = (): void => {
        this.sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper = {
        wakesAtMs: this.nowMs + ms,
        wake: (): void => {
          this.sleepers.delete(sleeper);
          signal?.removeEventListener('abort', stop);
          resolve();
        },
      };
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** Waits for somebody to sleep, then lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    while (this.sleepers.size === 0) await new Promise((resolve) => setImmediate(resolve));
    this.nowMs += ms;
    for (const sleeper of [...this.sleepers]) if (sleeper.wakesAtMs <= this.nowMs) sleeper.wake();
  }
}
