import { posix } from 'node:path';
import type { Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { STATE_LINK } from './commit-stage.js';
import type { Marks } from './deployment.js';

/** All of them in one round trip. `ref` is an id or a name. */
export async function readMarks(
  engine: Engine,
  ref: string,
  destination: string,
  signal: AbortSignal,
): Promise<Marks> {
  const [target, engineRun] = await Promise.all([
    readStateLink(engine, ref, destination, signal),
    unlessRefused(engine.engineRun(signal)),
  ]);
  if (target === undefined) return { token: undefined, engineRun };
  return { token: posix.basename(target), engineRun, place: posix.dirname(target) };
}

/** `HEAD` of the state link: one round trip, no program in the container (SYNC.md, section 1). `ref` is an id or a name. */
export async function readToken(
  engine: Engine,
  ref: string,
  destination: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const target = await readStateLink(engine, ref, destination, signal);
  return target === undefined ? undefined : posix.basename(target);
}

/** The engine tells the target with all links followed, also those that lead to the destination: its folder is where that really is. */
async function readStateLink(
  engine: Engine,
  ref: string,
  destination: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = posix.join(destination, STATE_LINK);
  const stat = await unlessRefused(engine.statPath(ref, path, signal));
  return stat === undefined || stat.linkTarget === '' ? undefined : stat.linkTarget;
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
