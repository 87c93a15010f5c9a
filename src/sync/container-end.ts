import { TimeLimit } from '../time-limit.js';
import type { Container, Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';

/** The engine books the end of an app within this time. */
const ENDING_MS = 300;

/** Whether it does not run any more, or was started again, since `container` was looked at. */
export async function hasEnded(
  engine: Engine,
  { id, state }: Container,
  signal: AbortSignal,
): Promise<boolean> {
  const now = (await engine.inspectContainer(id, signal))?.state;
  return !now?.running || now.restarting || now.startedAt !== state.startedAt;
}

/** For a shell that could not be started: the app may have gone before the engine takes note of it, and then one that is there cannot be started either. */
export async function isEnding(engine: Engine, container: Container, signal: AbortSignal): Promise<boolean> {
  if (await hasEnded(engine, container, signal)) return true;
  using soon = new TimeLimit(signal, ENDING_MS);
  try {
    await engine.waitContainer(container.id, 'next-exit', soon.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!soon.signal.aborted && !(error instanceof EngineError)) throw error;
  }
  return await hasEnded(engine, container, signal);
}

/** The engine makes a container that crashes wait longer and longer: only a restart ends that. */
export async function startAtOnce(
  engine: Engine,
  { id, state }: Container,
  signal: AbortSignal,
): Promise<void> {
  if (state.restarting) await engine.restartContainer(id, 0, signal);
  else await engine.startContainer(id, signal);
}
