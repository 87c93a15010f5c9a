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

/**
 * Resolves when the app has run for SETTLE_MS without an error, or when `over` is aborted.
 * @param started as it was just after its start.
 * @throws RdtError (exit code 6) when it fails.
 */
export async function watchStart(watched: Watched, started: Container, over: AbortSignal): Promise<Start> {
  const { engine, signal } = watched;
  let run = started;
  for (;;) {
    const { id, state } = run;
    const heard = await exitWithinSettling(watched, id, over);
    if (over.aborted) return 'runs';
    if (heard !== undefined && heard !== 0) throw await failed(watched, id, heard);
    const now = await inspect(engine, id, signal);
    const isDown = !now.state.running || now.state.restarting;
    if (isDown && now.state.exitCode === 0) return 'ended';
    if (isDown) throw await failed(watched, id, now.state.exitCode);
    if (heard === undefined && now.state.startedAt === state.startedAt) return 'runs';
    // Started again, maybe by us, and a start resets the exit code, also for those who waited for it: what it was shows when this run ends.
    run = now;
  }
}

/** Undefined when none was heard: the app runs, or has ended before the engine was asked. */
async function exitWithinSettling(
  { engine, clock, signal }: Watched,
  id: string,
  over: AbortSignal,
): Promise<number | undefined> {
  const enough = new AbortController();
  const waiting = AbortSignal.any([signal, over, enough.signal]);
  const timer = clock.sleep(SETTLE_MS, waiting).then(() => undefined);
  const exit = engine.waitContainer(id, 'next-exit', waiting);
  try {
    return await Promise.race([timer, exit]);
  } catch (error) {
    if (!over.aborted) throw error;
    return undefined;
  } finally {
    enough.abort();
    await Promise.allSettled([timer, exit]);
  }
}

async function failed({ engine, app, signal }: Watched, id: string, exitCode: number): Promise<RdtError> {
  const output = await lastLines(engine, id, signal);
  return new RdtError(`${app} ended with exit code ${exitCode} within ${SETTLE_MS / 1000} s of its start`, {
    exitCode: ExitCode.appFailed,
    hint: output === '' ? 'It printed nothing.' : `Its last lines were:\n${output}`,
  });
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
