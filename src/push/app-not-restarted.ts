import { ExitCode, RdtError } from '../errors.js';
import type { Container } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';

/** What engines answer when a program that the app begins with is not there (any more), or its port is taken. */
const REFUSALS: readonly number[] = [400, 500];

/** The app has what was sent, and could not be started with it. No failure of a build: there is no old app to go on with. */
export class AppNotRestarted extends RdtError {
  override readonly name = 'AppNotRestarted';

  constructor({ id, name }: Container, cause: EngineError) {
    super(`${name} could not be started again: ${cause.message.replaceAll(id, name)}`, {
      exitCode: ExitCode.appFailed,
      hint:
        cause.hint ??
        'What was sent is in its container. The next push starts it, also when nothing else is to be done.',
      cause,
    });
  }
}

/** @throws AppNotRestarted when the engine refuses that, and else what the work throws. */
export async function startingAgain<T>(container: Container, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof EngineError) || !REFUSALS.includes(error.status)) throw error;
    throw new AppNotRestarted(container, error);
  }
}
