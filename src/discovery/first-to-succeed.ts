import type { Clock } from '../runtime.js';
import { slept } from './time-limit.js';

/**
 * Tries candidates as RFC 8305 does: the next one starts when the one before has failed or `staggerMs` has passed. Returns the
 * first value, undefined when all fail. Attempts that lose are aborted. An attempt that fails answers undefined; one that rejects is a bug and rejects here.
 */
export async function firstToSucceed<C, T extends object>(
  candidates: Iterable<C>,
  attempt: (candidate: C, signal: AbortSignal) => Promise<T | undefined>,
  pacing: { readonly clock: Clock; readonly staggerMs: number },
  signal: AbortSignal,
): Promise<T | undefined> {
  const losers = new AbortController();
  const scope = AbortSignal.any([signal, losers.signal]);
  const running = new Map<C, Promise<Outcome<C, T>>>();
  try {
    for (const candidate of candidates) {
      running.set(
        candidate,
        attempt(candidate, scope).then((value) => ({ candidate, value })),
      );
      const value = await nextValue(running, slept(pacing.clock, pacing.staggerMs, scope));
      if (value !== undefined) return value;
    }
    return await nextValue(running);
  } finally {
    losers.abort();
  }
}

interface Outcome<C, T> {
  readonly candidate: C;
  readonly value: T | undefined;
}

/** Takes finished attempts out of `running` until one has a value, none is left, or the pause is over. */
async function nextValue<C, T>(
  running: Map<C, Promise<Outcome<C, T>>>,
  ...pause: Promise<boolean>[]
): Promise<T | undefined> {
  while (running.size > 0) {
    const next: Outcome<C, T> | boolean = await Promise.race([...running.values(), ...pause]);
    if (typeof next === 'boolean') return undefined;
    running.delete(next.candidate);
    if (next.value !== undefined) return next.value;
  }
  return undefined;
}

/** The first value to arrive; undefined when every promise gave undefined. */
export const firstValue = <T extends object>(
  promises: readonly Promise<T | undefined>[],
): Promise<T | undefined> =>
  nextValue(
    new Map(
      promises.map((promise, index) => [index, promise.then((value) => ({ candidate: index, value }))]),
    ),
  );
