import type { Clock } from '../runtime.js';
import { silentEngine } from './connection-error.js';

export interface Patience {
  readonly clock: Clock;
  /** Undefined for what must not be interrupted. */
  readonly signal?: AbortSignal;
  /** Who is asked, for the message. */
  readonly where: string;
  readonly ms: number;
}

/** Aborts what takes longer. @throws RdtError (unreachable) then; the signal's reason when that is aborted. */
export async function withPatience<T>(
  { clock, signal, where, ms }: Patience,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const over = new AbortController();
  // By hand: signals made by AbortSignal.any stay with a signal that lives as long as ours.
  const stop = (): void => limit.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  clock.sleep(ms, over.signal).then(
    () => limit.abort(silentEngine(where, ms)),
    () => undefined,
  );
  try {
    return await work(limit.signal);
  } finally {
    over.abort();
    signal?.removeEventListener('abort', stop);
  }
}
