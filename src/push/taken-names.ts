import { RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { containerNamed } from './container-named.js';
import { isOurContainer, nextName, previousName } from './labels.js';

export function notOurs(name: string): RdtError {
  return new RdtError(`the device has a container ${name} that rdt did not make`, {
    hint: 'rdt never stops or removes what is not its own: choose another --app-name, or remove that container yourself.',
  });
}

/**
 * What an unfinished push left was taken away before (unfinished-push.ts): whoever has one of the names that a push needs for a moment is not ours.
 * @throws RdtError that names it.
 */
export async function refuseTakenNames(engine: Engine, app: string, signal: AbortSignal): Promise<void> {
  await Promise.all(
    [nextName(app), previousName(app)].map(async (name) => {
      if ((await engine.inspectContainer(name, signal)) !== undefined) throw notOurs(name);
    }),
  );
}

/**
 * By whoever renamed a container, or has pushed the app while this computer slept.
 * @param previousId of the container that had the name when the push began.
 * @throws RdtError
 */
export async function refuseTakenApp(
  engine: Engine,
  app: string,
  previousId: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const current = await containerNamed(engine, app, signal);
  if (current !== undefined && current.id !== previousId) throw takenMeanwhile(app, current, undefined);
}

/** @throws RdtError when another container has taken the name during the build. */
export async function nameApp(
  engine: Engine,
  { id }: Container,
  app: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await engine.renameContainer(id, app, signal);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const current = await unlessFailed(containerNamed(engine, app, signal));
    throw current === undefined ? error : takenMeanwhile(app, current, error);
  }
}

function takenMeanwhile(app: string, current: Container, cause: EngineError | undefined): RdtError {
  if (isOurContainer(current, app))
    return new RdtError(
      `the device has another container ${app} since this push has begun: it is left as it is`,
      { hint: 'Push again: the folder is compared with what is there now.', cause },
    );
  return new RdtError(`a container of somebody else was given the name ${app} while the app was built`, {
    hint: 'That container was not touched. Push with another --app-name, or remove or rename it on the device and push again.',
    cause,
  });
}

/** The failure before this one is told. */
async function unlessFailed<T>(asking: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return undefined;
  }
}
