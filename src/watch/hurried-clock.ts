import type { Clock } from '../runtime.js';

/** How long we hurry: a restarted app has its new log by then. */
const HURRY_MS = 500;
const HURRIED_PAUSE_MS = 10;

/** A clock whose pauses can be cut short, for somebody who polls and for whom there is something to see just now. */
export class HurriedClock implements Clock {
  private hurryUntilMs = 0;
  private readonly sleepers = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  wallMs(): number {
    return this.clock.wallMs();
  }

  /** Wakes all who sleep, and lets nobody sleep long for a moment. */
  hurry(): void {
    this.hurryUntilMs = this.monotonicMs() + HURRY_MS;
    for (const wake of [...this.sleepers]) wake();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.sleepers.add(wake);
    signal?.addEventListener('abort', wake, { once: true });
    const pauseMs = this.monotonicMs() < this.hurryUntilMs ? Math.min(ms, HURRIED_PAUSE_MS) : ms;
    await this.clock.sleep(pauseMs, woken.signal).catch(() => undefined);
    this.sleepers.delete(wake);
    signal?.removeEventListener('abort', wake);
    signal?.throwIfAborted();
  }
}
