import type { Clock } from '../runtime.js';
import type { Container, Engine } from '../transport/engine.js';

export interface StopOptions {
  readonly graceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Asks the app to end and kills it after the grace. The engine's own stop counts in whole seconds, ten by default, and a PID 1
 * without a handler ignores the question: with it each restart of a plain `node` would last ten seconds (SYNC.md, section 1).
 */
export async function stopContainer(
  engine: Engine,
  container: Container,
  options: StopOptions,
): Promise<void> {
  const { graceMs, clock, signal } = options;
  const grace = new AbortController();
  const waiting = AbortSignal.any([signal, grace.signal]);
  const exited = engine.waitContainer(container.id, 'not-running', waiting).then(
    () => true,
    (error: unknown) => {
      if (grace.signal.aborted) return false;
      throw error;
    },
  );
  // Whoever comes first ends the other; a rejection of `exited` is seen by the race below in any case.
  exited.catch(() => undefined);
  const wasRunning = await engine.killContainer(container.id, container.stopSignal, signal);
  if (!wasRunning) {
    grace.abort();
    return;
  }
  const timer = new AbortController();
  const timeout = clock.sleep(graceMs, AbortSignal.any([signal, timer.signal])).then(() => false);
  timeout.catch(() => undefined);
  const ended = await Promise.race([exited, timeout]);
  timer.abort();
  grace.abort();
  if (!ended) await engine.killContainer(container.id, 'SIGKILL', signal);
}

/** Stops and starts, so that the app runs with the files as they are now. */
export async function restartContainer(
  engine: Engine,
  container: Container,
  options: StopOptions,
): Promise<void> {
  if (container.state.running) await stopContainer(engine, container, options);
  await engine.startContainer(container.id, options.signal);
}
