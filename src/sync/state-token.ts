import { posix } from 'node:path';
import type { Engine, PathStat } from '../transport/engine.js';
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
    runOf(engine, signal),
  ]);
  return { token, engineRun };
}

/** A proxy before the engine may refuse the question; then it is trusted as one that has nothing to tell. */
async function runOf(engine: Engine, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await engine.engineRun(signal);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** `HEAD` of the state link: one round trip, no program in the container (SYNC.md, section 1). `ref` is an id or a name. */
export async function readToken(
  engine: Engine,
  ref: string,
  destination: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const stat = await stateLink(engine, ref, posix.join(destination, STATE_LINK), signal);
  return stat === undefined || stat.linkTarget === '' ? undefined : posix.basename(stat.linkTarget);
}

/** A destination that is no folder, or in none, is an error of the engine without a word; the commit finds out and says it. */
async function stateLink(
  engine: Engine,
  ref: string,
  path: string,
  signal: AbortSignal,
): Promise<PathStat | undefined> {
  try {
    return await engine.statPath(ref, path, signal);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
