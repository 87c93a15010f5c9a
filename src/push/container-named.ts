import type { Container, Engine } from '../transport/engine.js';

/** The container that has this very name: the engine takes `cafe` for the beginning of an id, too. */
export async function containerNamed(
  engine: Engine,
  name: string,
  signal: AbortSignal,
): Promise<Container | undefined> {
  const container = await engine.inspectContainer(name, signal);
  return container?.name === name ? container : undefined;
}

/** For `Engine.inspectImage`: a name without a tag may be the beginning of an id. */
export const imageNamed = (app: string): string => `${app}:latest`;
