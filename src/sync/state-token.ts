import { posix } from 'node:path';
import type { Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { STATE_LINK } from './commit-stage.js';
import type { Marks } from './deployment.js';

/** Both in one round trip. `ref` is an id or a name. */
export async function readMarks(
  engine: Engine,
  ref: string,
  destination: string,
  signal: AbortSignal,
): Promise<Marks> {
  const [token, engineRun] = await Promise.all([
    readToken(engine, ref, destination, signal),
    unlessRefused(engine.engineRun(signal)),
  ]);
  return { token, engineRun };
}

/** `HEAD` of the state link: one round trip, no program in the container (SYNC.md, section 1). `ref` is an id or a name. */
export async function readToken(
  engine: Engine,
  ref: string,
  destination: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = posix.join(destination, STATE_LINK);
  const stat = await unlessRefused(engine.statPath(ref, path, signal));
  return stat === undefined || stat.linkTarget === '' ? undefined : posix.basename(stat.linkTarget);
}

/** What the engine says no to, it does not know: a destination that is no folder, or in none, or a question that a proxy before it lets nobody ask. */
export async function unlessRefused<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
