import { ExitCode, RdtError } from '../errors.js';
import type { Container, ContainerRestart, Engine } from '../transport/engine.js';
import { tellOfUnusedVolumes } from './anonymous-volumes.js';
import { containerNamed } from './container-named.js';
import { EngineError } from '../transport/engine-error.js';
import { discardedName, isDiscarded, isNameOfOld, isOurContainer, nextName } from './labels.js';
import { couldChange } from './restart-aside.js';
import { SETTLE_MS } from './watch-start.js';
import { couldStepAside, removeOrWarn, type TakeAway } from './take-away.js';

/** What ran for so long is not on trial any more. */
const PROVED_MS = 10 * SETTLE_MS;

const MS_PER_SECOND = 1_000;

/** What was asked to end, and may still be ending: the engine starts nothing that runs, nor what has ended as it was asked. */
export interface StoppedRun {
  readonly startedAt: string;
  readonly graceMs: number;
}

interface PreviousContainer {
  readonly id: string;
  /** The push that is taken back has stopped it, or may have. */
  readonly wasStopped: boolean;
  readonly stoppedRun?: StoppedRun | undefined;
  /** As it was before it was put aside. */
  readonly restartPolicy: ContainerRestart;
}

interface WatchedPush {
  /** Ids of its new containers, and the name of one whose creation was not answered. Nothing else is its to take away. */
  readonly created: ReadonlySet<string>;
  /** By the device's clock: the computer may have slept for days until then. Undefined when it has not. */
  readonly unwatchedUntilMs: number | undefined;
}

export interface RollBack extends TakeAway {
  /** The app's old container, which is left, or put back. */
  readonly previous: PreviousContainer | undefined;
  /** Undefined of a push that was killed: its new container may have been the app for days since, and what it keeps in volumes of its own stays. */
  readonly watched: WatchedPush | undefined;
  /** Called before a new container goes: when this fails, another try does not find it any more. */
  takingAway?(): void;
}

/**
 * `kept`: somebody else has removed the old container, or given it another name, so the new one stays.
 * `replaced`: the new one had proved itself, and stays; the old one only waits for its removal.
 */
export type RolledBack = 'nothing' | 'undone' | 'kept' | 'replaced';

/**
 * Undoes a replacement at whatever point it is: the old container has its name, and runs if it was stopped for that; then the new
 * containers of that push go, as far as the engine can remove them now. Where there is none to go back to, a new one that has the
 * app's name is left as it is, also one that fails: the engine may start it again, its log tells why, and without it nothing would be
 * left. Only for the holder of the app's lock.
 * @throws RdtError when neither of them is there.
 */
export async function rollBack(request: RollBack): Promise<RolledBack> {
  const { app, previous } = request;
  const old = await oldContainer(request);
  const ours = await newContainers(request);
  const current = ours.find(({ name }) => name === app);
  if (old !== undefined && isDiscarded(old.name, app) && current !== undefined) return 'replaced';
  if (current !== undefined && hasProved(request, current)) {
    await keepNew(request, old);
    return 'replaced';
  }
  const created = ours.filter((container) => isCreated(request, container));
  if (previous !== undefined && old === undefined) {
    for (const next of created) if (next !== current) await takeAway(request, next);
    if (current !== undefined) return 'kept';
    throw new RdtError(`the old container of ${app} was taken away by somebody else`);
  }
  await putInPlace(request, old && previous && { old, policy: previous.restartPolicy }, created);
  return created.length > 0 ? 'undone' : 'nothing';
}

const isCreated = ({ watched }: RollBack, { id, name }: Container): boolean =>
  watched === undefined || watched.created.has(id) || watched.created.has(name);

/** It has been the app for long, and is, while the computer slept that was to watch its first seconds. */
const hasProved = ({ watched }: RollBack, { state }: Container): boolean =>
  state.running &&
  !state.restarting &&
  Date.parse(state.startedAt) + PROVED_MS <= (watched?.unwatchedUntilMs ?? 0);

async function keepNew({ engine, app, emit, signal }: RollBack, old: Container | undefined): Promise<void> {
  const message = `this computer slept while the new ${app} started, which has run since: it stays`;
  emit({ type: 'warning', message });
  if (old !== undefined) await engine.renameContainer(old.id, discardedName(app, old.id), signal);
}

async function oldContainer({ engine, app, previous, signal }: RollBack): Promise<Container | undefined> {
  const old = previous && (await engine.inspectContainer(previous.id, signal));
  return old !== undefined && (isNameOfOld(old.name, app) || isDiscarded(old.name, app)) ? old : undefined;
}

/** Also those that an earlier try has had step aside. */
async function newContainers({ engine, app, previous, watched, signal }: RollBack): Promise<Container[]> {
  const aside = Array.from(watched?.created ?? [], (id) => discardedName(app, id));
  const names = [nextName(app), app, ...aside];
  const found = await Promise.all(names.map((name) => containerNamed(engine, name, signal)));
  return found
    .filter((container) => container !== undefined)
    .filter((container) => container.id !== previous?.id && isOurContainer(container, app));
}

interface Restored {
  readonly old: Container;
  readonly policy: ContainerRestart;
}

/** The old one runs before anything is removed: that may take minutes. But it comes first where the engine has no room for anything else. */
async function putInPlace(
  request: RollBack,
  restored: Restored | undefined,
  created: readonly Container[],
): Promise<void> {
  const { engine, app, emit, signal } = request;
  // Before the new container goes, which tells it to the next push when this one is killed.
  const isPolicyBack =
    restored === undefined || (await couldChange(engine, restored.old, restored.policy, signal));
  const current = created.find(({ name }) => name === app);
  if (current !== undefined) request.takingAway?.();
  const isAside = current === undefined || (await couldStepAside(request, current));
  if (!isAside) await takeAway(request, current);
  const left = isAside ? created : created.filter((container) => container !== current);
  const remaining = restored === undefined ? left : await putBackWithRoom(request, restored.old, left);
  for (const container of remaining) await takeAway(request, container);
  // What has gone may have made room for it.
  if (isPolicyBack || (await couldChange(engine, restored.old, restored.policy, signal))) return;
  const message = `${app} has lost its restart policy ${restored.policy.name}, which the device does not take now: the next push gives it back, or \`docker update --restart ${restored.policy.name} ${app}\` on the device`;
  emit({ type: 'warning', message });
}

/** Answers which of the new containers are still there: when the engine refuses, they make room, and it is asked again. */
async function putBackWithRoom(
  request: RollBack,
  old: Container,
  created: readonly Container[],
): Promise<readonly Container[]> {
  try {
    await putBack(request, old);
    return created;
  } catch (error) {
    if (!(error instanceof EngineError) || created.length === 0) throw error;
    for (const container of created) await takeAway(request, container);
    const now = await oldContainer(request);
    if (now === undefined) throw error;
    await putBack(request, now);
    return [];
  }
}

/** With its own volumes, unless it may have been the app while nobody watched. */
async function takeAway(request: RollBack, container: Container): Promise<void> {
  request.takingAway?.();
  const mayHaveData = container.state.status !== 'created' && wasUnwatched(request, container);
  if (mayHaveData) await tellOfUnusedVolumes(request, request.app, container, request.signal);
  await removeOrWarn(request, container, !mayHaveData);
}

const wasUnwatched = ({ watched }: RollBack, { createdAt }: Container): boolean =>
  watched === undefined || Date.parse(createdAt) < (watched.unwatchedUntilMs ?? 0);

/** It runs before it has its name, by which the next push would not know that it has to run. */
async function putBack(
  { engine, app, previous, signal }: RollBack,
  { id, name, state }: Container,
): Promise<void> {
  try {
    // One that is paused runs, and the engine refuses to start it.
    if (previous?.wasStopped === true && !state.paused) {
      const { stoppedRun } = previous;
      if (state.running && state.startedAt === stoppedRun?.startedAt)
        await engine.restartContainer(id, Math.ceil(stoppedRun.graceMs / MS_PER_SECOND), signal);
      else await engine.startContainer(id, signal);
    }
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

const NEXT_PUSH = 'What this push has begun is taken back by the next one.';

/** Undoes, and answers what to throw: `reason`, or both failures when undoing fails as well. */
export async function undoneAfter(reason: unknown, undo: () => Promise<void>): Promise<unknown> {
  try {
    await undo();
    return reason;
  } catch (error) {
    const cause = new AggregateError([reason, error]);
    // Somebody else has the lock: what was begun is theirs to take back.
    if (error instanceof RdtError && error.exitCode === ExitCode.locked)
      return new RdtError(error.message, { hint: error.hint, exitCode: error.exitCode, cause });
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
