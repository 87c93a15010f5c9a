import type { Clock } from '../runtime.js';

/** Lets at most one call through in `everyMs`; those in between are dropped. */
export function throttled<A extends unknown[]>(
  clock: Clock,
  everyMs: number,
  call: (...args: A) => void,
): (...args: A) => void {
  let nextMs = clock.monotonicMs() + everyMs;
  return (...args) => {
    const nowMs = clock.monotonicMs();
    if (nowMs < nextMs) return;
    nextMs = nowMs + everyMs;
    call(...args);
  };
}
