import { setTimeout as delay } from 'node:timers/promises';
import { TestbedError } from './testbed-error.js';

interface EventuallyOptions {
  /** What is waited for, as the rest of "... did not happen in 5 s". */
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
  /** Added to the error's message: usually the tail of a log. */
  readonly explain?: () => string;
}

/**
 * Asks `probe` again and again until it gives something else than undefined or false, and returns that.
 * @throws TestbedError when the time is over; whatever the probe throws.
 */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: EventuallyOptions,
): Promise<T> {
  const deadline = performance.now() + options.withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      const reason = options.explain === undefined ? '' : `\n${options.explain()}`;
      throw new TestbedError(`${options.what} did not happen in ${options.withinMs / 1000} s${reason}`);
    }
    await delay(options.everyMs ?? 20, undefined, { signal: options.signal });
  }
}
