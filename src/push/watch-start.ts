import { text } from 'node:stream/consumers';
import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { Container, Engine } from '../transport/engine.js';

/** A new app that ends with an error within this time is taken back. */
export const SETTLE_MS = 2000;
const LAST_LINES = 20;

export interface Watched {
  readonly engine: Engine;
  readonly app: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** `ended`: with exit code 0. The engine may have started it again since, as its restart policy asks. */
export type Start = 'runs' | 'ended';

/** Resolves when the app has run for SETTLE_MS without an error, or when `over` is aborted. @throws RdtError (exit code 6) when it fails. */
export async function watchStart(
  { engine, app, clock, signal }: Watched,
  id: string,
  over: AbortSignal,
): Promise<Start> {
  const enough = new AbortController();
  const stop = (): void => enough.abort();
  over.addEventListener('abort', stop);
  const timer = clock.sleep(SETTLE_MS, AbortSignal.any([signal, enough.signal])).then(() => undefined);
  const waiting = AbortSignal.any([signal, enough.signal]);
  const exit = engine.waitContainer(id, 'next-exit', waiting);
  try {
    const early = await Promise.race([timer, exit]).catch((error: unknown) => {
      if (!over.aborted) throw error;
    });
    if (over.aborted) return 'runs';
    const exitCode = early ?? (await exitCodeNow(engine, id, signal));
    if (exitCode === undefined) return 'runs';
    if (exitCode === 0) return 'ended';
    const output = await lastLines(engine, id, signal);
    throw new RdtError(`${app} ended with exit code ${exitCode} within ${SETTLE_MS / 1000} s of its start`, {
      exitCode: ExitCode.appFailed,
      hint: output === '' ? 'It printed nothing.' : `Its last lines were:\n${output}`,
    });
  } finally {
    over.removeEventListener('abort', stop);
    enough.abort();
    await Promise.allSettled([timer, exit]);
  }
}

/** An exit that came before the wait was heard shows in the state. Undefined when the app runs. */
async function exitCodeNow(engine: Engine, id: string, signal: AbortSignal): Promise<number | undefined> {
  const { state } = await inspect(engine, id, signal);
  return state.running && !state.restarting ? undefined : state.exitCode;
}

/** What the app printed last, without carriage returns; '' when it printed nothing. */
export async function lastLines(engine: Engine, id: string, signal: AbortSignal): Promise<string> {
  const { stdout, stderr } = await engine.logs(
    id,
    { follow: false, tail: LAST_LINES, timestamps: false },
    signal,
  );
  const [out, errors] = await Promise.all([text(stdout), text(stderr)]);
  return `${out}${errors}`.replaceAll('\r', '').trimEnd();
}

/** @throws RdtError when the container is gone. */
export async function inspect(engine: Engine, id: string, signal: AbortSignal): Promise<Container> {
  const container = await engine.inspectContainer(id, signal);
  if (container === undefined)
    throw new RdtError('the container was removed by somebody else while it was replaced');
  return container;
}
