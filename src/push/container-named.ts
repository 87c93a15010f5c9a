import type { Container, Engine } from '../transport/engine.js';
import { isAmbiguousId, isMissing } from '../transport/engine-error.js';
import { TimeLimit } from '../time-limit.js';

/** Who stops a container often starts it again, or removes it, or puts another one in its place. */
export const AFTERMATH_MS = 300;
/** Longest wait for one that somebody is removing: `docker rm --force` gives its processes 10 s to end. */
const REMOVAL_MS = 15_000;

/**
 * The container that has this very name: the engine takes `cafe` for the beginning of an id, too. One that is just being
 * removed still has its name, and refuses everything; what is there afterwards counts.
 */
export async function containerNamed(
  engine: Engine,
  name: string,
  signal: AbortSignal,
): Promise<Container | undefined> {
  try {
    const container = await inspectNamed(engine, name, signal);
    if (container?.state.status !== 'removing') return container;
    await untilRemoved(engine, container.id, signal);
    return await inspectNamed(engine, name, signal);
  } catch (error) {
    if (isAmbiguousId(error)) return undefined;
    throw error;
  }
}

async function inspectNamed(
  engine: Engine,
  name: string,
  signal: AbortSignal,
): Promise<Container | undefined> {
  const container = await engine.inspectContainer(name, signal);
  return container?.name === name ? container : undefined;
}

async function untilRemoved(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  using limit = new TimeLimit(signal, REMOVAL_MS);
  try {
    await engine.waitContainer(id, 'removed', limit.signal);
  } catch (error) {
    if (!isMissing(error) && (signal.aborted || !limit.signal.aborted)) throw error;
  }
}

/** For `Engine.inspectImage`: a name without a tag may be the beginning of an id. */
export const imageNamed = (app: string): string => `${app}:latest`;
