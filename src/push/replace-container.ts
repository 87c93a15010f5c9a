import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { Container, ContainerSpec, Engine } from '../transport/engine.js';
import { EngineError, isMissing } from '../transport/engine-error.js';
import { discardedName, isNameOfOld, nextName, previousName } from './labels.js';
import type { EmitPushEvent } from './push-event.js';
import {
  couldChange,
  isAlwaysRestarted,
  replacedRestartLabel,
  restartNoMore,
  wantedRestart,
} from './restart-aside.js';
import { restartContainer, stopContainer } from './stop-container.js';
import { nameApp, refuseTakenApp, refuseTakenNames } from './taken-names.js';
import { takenPortHint } from './taken-port.js';
import { inspect, type Start, watchStart } from './watch-start.js';

/**
 * At a new container that somebody else removes. `docker container prune` takes all that do not run: a new one that waits for its start, and
 * at the same moment the old one that was stopped for it.
 */
const ATTEMPTS = 3;

export interface Replacement {
  readonly engine: Engine;
  readonly app: string;
  readonly spec: ContainerSpec;
  readonly previous: Container | undefined;
  /** What it makes is added. */
  readonly created: Set<string>;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly emit: EmitPushEvent;
  readonly signal: AbortSignal;
  /** See `HeldDeps`. */
  readonly lost: AbortSignal;
  /** Called just before the old one is asked to end: from then on it has to be started again when there is no new one. */
  stopping(old: Container): void;
  /** Called with each new container before it is started. */
  prepare(container: Container): Promise<void>;
  /** Called with the new container while it proves itself; true when the app must be restarted to see what was done. */
  started(container: Container): Promise<boolean>;
}

/**
 * Puts a new container in the place of the app's old one: create, stop old, start new, discard old. After a failure everything
 * stays where it is then, for `rollBack`. A new one that somebody else has removed is made again: the old one may be gone as well.
 * @throws RdtError (exit code 6) when the new one cannot be created or started, or fails within SETTLE_MS.
 */
export async function replaceContainer(replacement: Replacement): Promise<Container> {
  const { engine, app, emit, signal, lost } = replacement;
  await Promise.all([
    refuseTakenApp(engine, app, replacement.previous?.id, signal),
    refuseTakenNames(engine, app, signal),
  ]);
  for (let attempt = 1; ; attempt++) {
    const id = await createNext(replacement);
    try {
      return await replaceBy(id, replacement);
    } catch (error) {
      if (signal.aborted || !(await isGone(engine, id, lost))) throw error;
      if (attempt === ATTEMPTS) throw takenEachTime(app, error);
      const message = `the new container of ${app} was removed by somebody else before it had proved itself; it is made again`;
      emit({ type: 'warning', message });
    }
  }
}

/** False as well where nobody answers that. */
const isGone = (engine: Engine, id: string, signal: AbortSignal): Promise<boolean> =>
  answered(async () => (await engine.inspectContainer(id, signal)) === undefined);

async function answered(question: () => Promise<boolean>): Promise<boolean> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return false;
  }
}

function renamedMeanwhile(app: string, name: string): RdtError {
  return new RdtError(`somebody gave the new container of ${app} the name ${name} while it started`, {
    hint: `It is left as it is. Push again for another one that is ${app}.`,
  });
}

function takenEachTime(app: string, cause: unknown): RdtError {
  const message = `the new container of ${app} was removed by somebody else ${ATTEMPTS} times before it had proved itself`;
  return new RdtError(message, {
    hint: 'Something on the device removes containers that do not run, such as `docker container prune`: let it rest while you push.',
    cause,
  });
}

async function replaceBy(id: string, replacement: Replacement): Promise<Container> {
  const { engine, app, spec, emit, signal } = replacement;
  const next = await inspect(engine, id, signal);
  await prepare(next, replacement);
  const aside = await switchOver(replacement, next);
  const running = await inspect(engine, id, signal);
  const start = await settle(replacement, running);
  const proved = await inspect(engine, id, signal);
  if (proved.name !== app) throw renamedMeanwhile(app, proved.name);
  // From here on there is no way back.
  if (aside !== undefined) await discard(aside, replacement);
  if (start === 'ended' && isAlwaysRestarted(spec.HostConfig.RestartPolicy?.Name)) {
    const message = `${app} ended with exit code 0 at once, and its restart policy starts it again and again`;
    emit({ type: 'warning', message });
  }
  return proved;
}

/**
 * An answer that is lost says nothing of the request, and a push that is done has not failed. What has another name by now is kept by whoever
 * gave it that.
 */
async function discard(old: Container, { engine, app, lost }: Replacement): Promise<void> {
  const { id } = old;
  const now = await engine.inspectContainer(id, lost);
  if (now !== undefined && now.name !== previousName(app)) {
    await unlessGone(couldChange(engine, now, wantedRestart(old), lost));
    return;
  }
  try {
    await unlessGone(engine.renameContainer(id, discardedName(app, id), lost));
  } catch (error) {
    if (error instanceof EngineError || !(await isNamed(engine, id, discardedName(app, id), lost)))
      throw error;
  }
}

/** False as well where nobody answers that. */
const isNamed = (engine: Engine, id: string, name: string, signal: AbortSignal): Promise<boolean> =>
  answered(async () => (await engine.inspectContainer(id, signal))?.name === name);

/** The engine refuses to look into a container whose mounts it cannot make; it would refuse to start it as well. */
async function prepare(next: Container, replacement: Replacement): Promise<void> {
  try {
    await replacement.prepare(next);
  } catch (error) {
    throw error instanceof EngineError ? notStarted(replacement.app, error, error.hint) : error;
  }
}

const notStarted = (app: string, cause: EngineError, hint: string | undefined): RdtError =>
  new RdtError(`${app} could not be started: ${cause.message}`, {
    hint,
    exitCode: ExitCode.appFailed,
    cause,
  });

/** An old container that somebody else has removed is out of the way as well. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!isMissing(error)) throw error;
    return undefined;
  }
}

/** Not to be interrupted: a request that we no longer wait for may still make its container. */
async function createNext({ engine, app, spec, previous, created, lost }: Replacement): Promise<string> {
  const Labels = { ...spec.Labels, ...replacedRestartLabel(previous) };
  const name = nextName(app);
  created.add(name);
  try {
    const id = await engine.createContainer(name, { ...spec, Labels }, lost);
    created.delete(name);
    created.add(id);
    return id;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    created.delete(name);
    throw new RdtError(`the new container of ${app} could not be created: ${error.message}`, {
      hint: error.hint,
      exitCode: ExitCode.appFailed,
      cause: error,
    });
  }
}

/** Not to be interrupted: an app that was asked to end is ended before it is started again. Answers the old container when there is one. */
async function switchOver(replacement: Replacement, next: Container): Promise<Container | undefined> {
  const { engine, app, previous, signal, lost } = replacement;
  signal.throwIfAborted();
  const aside = previous && (await unlessGone(putAside(previous.id, replacement)));
  await nameApp(engine, next, app, lost);
  try {
    await engine.startContainer(next.id, lost);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw notStarted(app, error, error.hint ?? (await takenPortHint(engine, error, lost)));
  }
  // A device that starts again before this runs both, one that does it between this and the start would run neither.
  if (aside !== undefined) await unlessGone(restartNoMore(engine, aside, lost));
  return aside;
}

/**
 * As it is by now: it may have been started again during the build, and an attempt before this one has put it aside. Undefined when it is not
 * the app's any more: whoever gave it another name meanwhile wants to keep it.
 */
async function putAside(id: string, replacement: Replacement): Promise<Container | undefined> {
  const { engine, app, graceMs, clock, lost } = replacement;
  const old = await engine.inspectContainer(id, lost);
  if (old === undefined || !isNameOfOld(old.name, app)) return undefined;
  if (old.state.running) {
    replacement.stopping(old);
    await stopContainer(engine, old, { graceMs, clock, signal: lost });
    // That may have taken the whole grace.
    const ended = await engine.inspectContainer(id, lost);
    if (ended === undefined) return undefined;
    if (!isNameOfOld(ended.name, app)) {
      const message = `the old container of ${app} was named ${ended.name} while it was stopped: it is kept, and does not run`;
      replacement.emit({ type: 'warning', message });
      return undefined;
    }
  }
  if (old.name !== previousName(app)) await engine.renameContainer(id, previousName(app), lost);
  return old;
}

/** Watches the first seconds, and lets the folder be completed meanwhile. */
async function settle(replacement: Replacement, container: Container): Promise<Start> {
  const { engine, graceMs, clock, signal, lost } = replacement;
  const restarting = new AbortController();
  const first = watchStart(replacement, container, restarting.signal);
  // Awaited on every way below; until then its rejection has to wait.
  first.catch(() => undefined);
  const mustRestart = await replacement.started(container).catch(async (error: unknown) => {
    // An app that has ended explains itself better than whatever failed because of that.
    await first;
    throw error;
  });
  if (!mustRestart) return first;
  restarting.abort();
  await first;
  await restartContainer(engine, container, { graceMs, clock, signal: lost });
  const restarted = await inspect(engine, container.id, signal);
  return watchStart(replacement, restarted, new AbortController().signal);
}
