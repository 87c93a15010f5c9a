import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import { TimeLimit } from '../time-limit.js';
import { EngineError } from '../transport/engine-error.js';
import type { Container, Engine, Image } from '../transport/engine.js';
import { imageNamed } from './container-named.js';
import { markReplacing, releaseImage } from './held-image.js';
import type { HeldDeps } from './push-job.js';
import type { RemoteState } from './push-state.js';
import { rollBack, type StoppedRun } from './roll-back.js';
import { wantedRestart } from './restart-aside.js';
import { removeSuperseded } from './superseded-image.js';

/** Taking back must end by itself, whatever the user's signal says. */
const UNDO_MS = 30_000;
/** One request that fails must not leave an app down that was stopped, on a device that answers the next. */
const PAUSES_MS = [0, 300, 1_000, 3_000];
/** Where the app still runs, the next push mends the rest, and a lost device is told of at once. */
const ONCE = [0];

/** The old container, and what this push has done to it, and beside it. */
export interface OldApp {
  /** `seenFrom` the destination. */
  readonly container: Container | undefined;
  /** Undefined when none was. */
  stoppedRun: StoppedRun | undefined;
  readonly created: Set<string>;
  /** Names, or places on the device, of mounts that the new container has as well, and what the new version has is sent to. */
  readonly changedVolumes: Set<string>;
}

/** What the app runs from, or would. */
export async function oldImage(
  engine: Engine,
  { container, image }: RemoteState,
  signal: AbortSignal,
): Promise<Image | undefined> {
  if (container === undefined || container.imageId === image?.id) return image;
  return engine.inspectImage(container.imageId, signal);
}

/** After a build or a new container that failed: the app is as it was, and so is its image. @throws RdtError as `rollBack`, and when the lock is somebody else's (exit code 8). */
export async function undoBuild(
  app: string,
  { engine, lost, lapsedAtMs, clock, emit }: HeldDeps,
  remote: RemoteState,
  { container, stoppedRun, created, changedVolumes }: OldApp,
): Promise<void> {
  using limit = new TimeLimit(lost, UNDO_MS, noEnd(engine));
  const { signal } = limit;
  const wasStopped = stoppedRun !== undefined;
  const restartPolicy = container && wantedRestart(container);
  const previous = container && restartPolicy && { id: container.id, wasStopped, stoppedRun, restartPolicy };
  const tries = { hadNew: false };
  const takingAway = (): void => void (tries.hadNew = true);
  const outcome = await persistently(wasStopped ? PAUSES_MS : ONCE, clock, signal, async () => {
    const unwatchedUntilMs = await lapsedAtMs(signal);
    const watched = { created, unwatchedUntilMs };
    const rolledBack = await rollBack({ engine, app, previous, watched, emit, signal, takingAway });
    if (rolledBack === 'nothing' || rolledBack === 'undone')
      await giveTagBack({ engine, emit }, app, remote, signal);
    return rolledBack;
  });
  if (outcome === 'kept') {
    const message = `the old container of ${app} was taken away by somebody else: there is none to go back to, and the new one stays as it is`;
    emit({ type: 'warning', message });
  }
  if (outcome === 'undone' || (outcome === 'nothing' && tries.hadNew)) {
    const toPrevious = previous !== undefined;
    emit({ type: 'rolled-back', app, toPrevious, changedVolumes: [...changedVolumes] });
  }
  await releaseImage({ engine, emit }, app, signal);
}

const noEnd = ({ description }: Engine): RdtError =>
  new RdtError(`${description} took longer than ${UNDO_MS / 1000} s for it.`, {
    exitCode: ExitCode.unreachable,
  });

/** @throws whatever the last try failed with that was not merely ended with the signal. */
async function persistently<T>(
  pausesMs: readonly number[],
  clock: Clock,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  let failure: unknown;
  for (const pauseMs of pausesMs) {
    try {
      if (pauseMs > 0) await clock.sleep(pauseMs, signal);
      return await work();
    } catch (error) {
      if (signal.aborted) throw failure ?? error;
      if (!mayPass(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** All that the engine or the connection refuses: only that somebody else has taken the old container away stays so. */
const mayPass = (error: unknown): boolean =>
  error instanceof EngineError || (error instanceof RdtError && error.exitCode === ExitCode.unreachable);

/** The name goes back to the image that the old container was made from; the new one goes, when nothing else holds it, and one that had the name before. */
async function giveTagBack(
  deps: Pick<HeldDeps, 'engine' | 'emit'>,
  app: string,
  remote: RemoteState,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = deps;
  const [old, named] = await Promise.all([
    oldImage(engine, remote, signal),
    engine.inspectImage(imageNamed(app), signal),
  ]);
  if (old === undefined || named === undefined || named.id === old.id) return;
  // Without a name it would not be found again.
  await markReplacing({ engine, lost: signal }, app);
  await engine.tagImage(old.id, app, 'latest', signal);
  const nameless = new Set([named.id, remote.image?.id]);
  nameless.delete(old.id);
  for (const id of nameless) if (id !== undefined) await removeSuperseded(deps, app, id, signal);
}
