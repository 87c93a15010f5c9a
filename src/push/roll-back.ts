import { ExitCode, RdtError } from '../errors.js';
import type { Container, ContainerRestart, Engine } from '../transport/engine.js';
import { containerNamed } from './container-named.js';
import { isOurContainer, nextName } from './labels.js';
import { restartAgain } from './restart-aside.js';

interface PreviousContainer {
  readonly id: string;
  /** The push that is taken back has stopped it, or may have. */
  readonly wasStopped: boolean;
  /** As it was before it was put aside; undefined where that is not known, and it stays as it is. */
  readonly restartPolicy: ContainerRestart | undefined;
}

export interface RollBack {
  readonly engine: Engine;
  readonly app: string;
  /** The app's old container, which is left, or put back. */
  readonly previous: PreviousContainer | undefined;
  readonly signal: AbortSignal;
}

/** `kept`: somebody else has removed the old container, so the new one stays. */
export type RolledBack = 'nothing' | 'undone' | 'kept';

/**
 * Undoes a replacement at whatever point it is: new containers go, the old one has its name, and runs if it was stopped for that. Where there is
 * none to go back to, a new one that has the app's name is left as it is, also one that fails: the engine may start it again, its
 * log tells why, and without it nothing would be left. Only for the holder of the app's lock.
 * @throws RdtError when neither of them is there.
 */
export async function rollBack({ engine, app, previous, signal }: RollBack): Promise<RolledBack> {
  const old = previous && (await engine.inspectContainer(previous.id, signal));
  // Before the new container goes, which tells it to the next push when this one is killed.
  if (old !== undefined && previous?.restartPolicy !== undefined)
    await restartAgain(engine, old, previous.restartPolicy, signal);
  const next = await ourContainer(engine, app, nextName(app), signal);
  if (next !== undefined) await remove(engine, next, signal);
  const current = await ourContainer(engine, app, app, signal);
  const isNew = current !== undefined && current.id !== previous?.id;
  if (previous !== undefined && old === undefined) {
    if (isNew) return 'kept';
    throw new RdtError(`the old container of ${app} was removed by somebody else`);
  }
  if (isNew) await remove(engine, current, signal);
  if (old !== undefined && old.name !== app) await engine.renameContainer(old.id, app, signal);
  // One that is paused runs, and the engine refuses to start it.
  const mustStart = previous?.wasStopped === true && old?.state.paused === false;
  if (mustStart) await engine.startContainer(previous.id, signal);
  return next !== undefined || isNew ? 'undone' : 'nothing';
}

async function ourContainer(
  engine: Engine,
  app: string,
  name: string,
  signal: AbortSignal,
): Promise<Container | undefined> {
  const container = await containerNamed(engine, name, signal);
  return container !== undefined && isOurContainer(container, app) ? container : undefined;
}

const remove = (engine: Engine, { id }: Container, signal: AbortSignal): Promise<void> =>
  engine.removeContainer(id, { removeAnonymousVolumes: true }, signal);

const NEXT_PUSH = 'What this push has begun is taken back by the next one.';

/** Undoes, and answers what to throw: `reason`, or both failures when undoing fails as well. */
export async function undoneAfter(reason: unknown, undo: () => Promise<void>): Promise<unknown> {
  try {
    await undo();
    return reason;
  } catch (error) {
    const cause = new AggregateError([reason, error]);
    const first = reason instanceof RdtError ? reason.hint : undefined;
    const hint = first === undefined ? NEXT_PUSH : `${first}\n${NEXT_PUSH}`;
    if (reason instanceof RdtError && reason.exitCode === ExitCode.unreachable) {
      return new RdtError(reason.message, { hint, exitCode: reason.exitCode, cause });
    }
    const message = `${messageOf(reason)}; and what was begun could not be taken back: ${messageOf(error)}`;
    const exitCode = reason instanceof RdtError ? reason.exitCode : ExitCode.failure;
    return new RdtError(message, { hint, exitCode, cause });
  }
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
