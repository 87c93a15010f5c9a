import type { Clock } from '../runtime.js';

/** Runs `work` with a signal that is aborted when `signal` is, and after `limitMs`. The work decides what an abort means. */
export async function withTimeLimit<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const done = new AbortController();
  void abortAfter(clock, limitMs, over, done.signal);
  try {
    return await work(AbortSignal.any([signal, over.signal]));
  } finally {
    done.abort();
  }
}

async function abortAfter(
  clock: Clock,
  limitMs: number,
  over: AbortController,
  done: AbortSignal,
): Promise<void> {
  if (await slept(clock, limitMs, done)) over.abort();
}

/** Waits; true after `ms`, false as soon as the signal is aborted. */
export const slept = (clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> =>
  clock.sleep(ms, signal).then(
    () => true,
    (error: unknown) => {
      if (signal.aborted) return false;
      throw error;
    },
  );

/** Resolves when the signal is aborted. Does not leak for signals that end with their work, as those of `withTimeLimit` do. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
