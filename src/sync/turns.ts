import { setImmediate as nextTurn } from 'node:timers/promises';

/** The synchronous walk is the fastest one (SYNC.md, section 2); it gives way to sockets this often. */
const TURN_MS = 8;

/** Synchronous work in slices, so that sockets and Ctrl-C are heard in between. */
export class Turns {
  private endsAt = performance.now() + TURN_MS;

  constructor(private readonly signal: AbortSignal) {}

  isOver(): boolean {
    return performance.now() >= this.endsAt;
  }

  /** @throws the signal's reason when it is aborted meanwhile. */
  async next(): Promise<void> {
    await nextTurn();
    this.signal.throwIfAborted();
    this.endsAt = performance.now() + TURN_MS;
  }

  /** Does all steps of some work. */
  async take<T>(steps: Iterator<void, T>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (this.isOver()) await this.next();
    }
  }
}
