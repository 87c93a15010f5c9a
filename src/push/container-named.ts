import type { Container, Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';

/** The container that has this very name: the engine takes `cafe` for the beginning of an id, too. */
export async function containerNamed(
  engine: Engine,
  name: string,
  signal: AbortSignal,
): Promise<Container | undefined> {
  try {
    const container = await engine.inspectContainer(name, signal);
    return container?.name === name ? container : undefined;
  } catch (error) {
    if (error instanceof EngineError && SEVERAL_IDS.test(error.message)) return undefined;
    throw error;
  }
}

/** The engine's words when no name is the same, and more than one id begins so. */
const SEVERAL_IDS = /multiple IDs found with provided prefix/i;

/** For `Engine.inspectImage`: a name without a tag may be the beginning of an id. */
export const imageNamed = (app: string): string => `${app}:latest`;
