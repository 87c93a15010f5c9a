import { ExitCode, RdtError } from '../errors.js';
import type { Container, ContainerRestart, Engine } from '../transport/engine.js';
import { containerNamed } from './container-named.js';
import { EngineError, isMissing } from '../transport/engine-error.js';
import { discardedName, isDiscarded, isNameOfOld, isOurContainer, nextName } from './labels.js';
import { changeRestart, couldChange, restartNoMore } from './restart-aside.js';

interface PreviousContainer {
  readonly id: string;
  /** The push that is taken back has stopped it, or may have. */
  readonly wasStopped: boolean;
  /** As it was before it was put aside; undefined where that is not known, and it stays as it is. */
  readonly restartPolicy: ContainerRestart | undefined;
}

/** Ids of the new containers of a push, and the name of one whose creation was not answered. Nothing else is its to take away. */
export type CreatedContainers = ReadonlySet<string>;

export interface RollBack {
  readonly engine: Engine;
  readonly app: string;
  /** The app's old container, which is left, or put back. */
  readonly previous: PreviousContainer | undefined;
  /** Undefined of a push that was killed: its new container may have been the app for days since, and what it keeps in volumes of its own stays. */
  readonly created: CreatedContainers | undefined;
  readonly signal: AbortSignal;
  /** Called before a new container goes: when this fails, another try does not find it any more. */
  takingAway?(): void;
}

/**
 * `kept`: somebody else has removed the old container, or given it another name, so the new one stays.
 * `replaced`: the new one had proved itself, and stays; the old one only waits for its removal.
 */
export type RolledBack = 'nothing' | 'undone' | 'kept' | 'replaced';

/**
 * Undoes a replacement at whatever point it is: the new containers of that push go, the old one has its name, and runs if it was stopped for that. Where there is
 * none to go back to, a new one that has the app's name is left as it is, also one that fails: the engine may start it again, its
 * log tells why, and without it nothing would be left. Only for the holder of the app's lock.
 * @throws RdtError when neither of them is there.
 */
export async function rollBack(request: RollBack): Promise<RolledBack> {
  const { engine, app, previous, signal } = request;
  const old = await oldContainer(request);
  if (old !== undefined && isDiscarded(old.name, app) && (await newApp(request)) !== undefined)
    return 'replaced';
  const policy = previous?.restartPolicy;
  const lacking = old && policy && { old, policy };
  // Before the new container goes, which tells it to the next push when this one is killed.
  const isPolicyBack =
    lacking === undefined || (await couldChange(engine, lacking.old, lacking.policy, signal));
  const next = await ourContainer(engine, app, nextName(app), signal);
  const isNext = next !== undefined && isCreated(request, next);
  if (isNext) await takeAway(request, next, true);
  const current = await newApp(request);
  if (previous !== undefined && old === undefined) {
    if (current !== undefined) return 'kept';
    throw new RdtError(`the old container of ${app} was taken away by somebody else`);
  }
  const isCurrent = current !== undefined && isCreated(request, current);
  if (isCurrent) await takeAway(request, current, request.created !== undefined);
  if (old !== undefined) await putBack(request, old);
  // What has gone may have made room for it.
  if (!isPolicyBack) await changeRestart(engine, lacking.old, lacking.policy, signal);
  return isNext || isCurrent ? 'undone' : 'nothing';
}

const isCreated = ({ created }: RollBack, { id, name }: Container): boolean =>
  created === undefined || created.has(id) || created.has(name);

async function oldContainer({ engine, app, previous, signal }: RollBack): Promise<Container | undefined> {
  const old = previous && (await engine.inspectContainer(previous.id, signal));
  return old !== undefined && (isNameOfOld(old.name, app) || isDiscarded(old.name, app)) ? old : undefined;
}

async function newApp({ engine, app, previous, signal }: RollBack): Promise<Container | undefined> {
  const current = await ourContainer(engine, app, app, signal);
  return current?.id === previous?.id ? undefined : current;
}

/** It runs before it has its name, by which the next push would not know that it has to run. */
async function putBack(
  { engine, app, previous, signal }: RollBack,
  { id, name, state }: Container,
): Promise<void> {
  try {
    // One that is paused runs, and the engine refuses to start it.
    if (previous?.wasStopped === true && !state.paused) await engine.startContainer(id, signal);
  } finally {
    if (name !== app) await giveName(engine, id, app, signal);
  }
}

/** The engine renames no container that it is about to start again, such as that of an app that crashes (404, "sandbox ... not found"). */
async function giveName(engine: Engine, id: string, name: string, signal: AbortSignal): Promise<void> {
  try {
    await engine.renameContainer(id, name, signal);
    return;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const now = await engine.inspectContainer(id, signal);
    if (now?.state.restarting !== true) throw error;
  }
  await engine.killContainer(id, 'SIGKILL', signal);
  try {
    // What is killed in its pause is ended a moment later.
    await engine.waitContainer(id, 'not-running', signal);
    await engine.renameContainer(id, name, signal);
  } finally {
    await engine.startContainer(id, signal);
  }
}

/**
 * Engines of the devices' days often could not remove a container at once: "device or resource busy". The old one is to run all the same, and
 * the next push tries again. What was handed on to it is given by name, and the engine never takes that along (moby, daemon/mounts.go).
 */
async function takeAway(
  request: RollBack,
  container: Container,
  removeAnonymousVolumes: boolean,
): Promise<void> {
  request.takingAway?.();
  const { engine, app, signal } = request;
  const { id } = container;
  try {
    await engine.removeContainer(id, { removeAnonymousVolumes }, signal);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (isMissing(error)) return;
    await engine.killContainer(id, 'SIGKILL', signal);
    await restartNoMore(engine, container, signal);
    await engine.renameContainer(id, discardedName(app, id), signal);
  }
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
    if (isLoss(reason)) {
      return new RdtError(reason.message, { hint, exitCode: reason.exitCode, cause });
    }
    const message = `${messageOf(reason)}; and what was begun could not be taken back: ${messageOf(error)}`;
    const known = isLoss(error) ? error : reason;
    const exitCode = known instanceof RdtError ? known.exitCode : ExitCode.failure;
    return new RdtError(message, { hint, exitCode, cause });
  }
}

const isLoss = (error: unknown): error is RdtError =>
  error instanceof RdtError && error.exitCode === ExitCode.unreachable;

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
