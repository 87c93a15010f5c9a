import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { Container, ContainerSpec, Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { discardedName, nextName, previousName } from './labels.js';
import { restartContainer, stopContainer } from './stop-container.js';
import { inspect, watchStart } from './watch-start.js';

export interface Replacement {
  readonly engine: Engine;
  readonly app: string;
  readonly spec: ContainerSpec;
  readonly previous: Container | undefined;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** See `HeldDeps`. */
  readonly lost: AbortSignal;
  /** Called with the new container before it is started. */
  prepare(container: Container): Promise<void>;
  /** Called with the new container while it proves itself; true when the app must be restarted to see what was done. */
  started(container: Container): Promise<boolean>;
}

/**
 * Puts a new container in the place of the app's old one: create, stop old, start new, discard old. After a failure everything
 * stays where it is then, for `rollBack`.
 * @throws RdtError (exit code 6) when the new one cannot be created or started, or fails within SETTLE_MS.
 */
export async function replaceContainer(replacement: Replacement): Promise<Container> {
  const { engine, app, previous, signal, lost } = replacement;
  await Promise.all([nextName(app), previousName(app)].map((name) => refuseTakenName(engine, name, signal)));
  const id = await createNext(replacement);
  const next = await inspect(engine, id, signal);
  await replacement.prepare(next);
  await switchOver(replacement, next);
  const running = await inspect(engine, id, signal);
  await settle(replacement, running);
  const proved = await inspect(engine, id, signal);
  // From here on there is no way back.
  if (previous !== undefined)
    await engine.renameContainer(previous.id, discardedName(app, previous.id), lost);
  return proved;
}

/** What an unfinished push left was taken away before (unfinished-push.ts): whoever has the name now is not ours. */
async function refuseTakenName(engine: Engine, name: string, signal: AbortSignal): Promise<void> {
  if ((await engine.inspectContainer(name, signal)) !== undefined) throw notOurs(name);
}

export function notOurs(name: string): RdtError {
  return new RdtError(`the device has a container ${name} that rdt did not make`, {
    hint: 'rdt never stops or removes what is not its own: choose another --app-name, or remove that container yourself.',
  });
}

/** Not to be interrupted: a request that we no longer wait for may still make its container. */
async function createNext({ engine, app, spec, lost }: Replacement): Promise<string> {
  try {
    return await engine.createContainer(nextName(app), spec, lost);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new RdtError(`the new container of ${app} could not be created: ${error.message}`, {
      hint: error.hint,
      exitCode: ExitCode.appFailed,
      cause: error,
    });
  }
}

/** Not to be interrupted: an app that was asked to end is ended before it is started again. */
async function switchOver(replacement: Replacement, next: Container): Promise<void> {
  const { engine, app, previous, graceMs, clock, signal, lost } = replacement;
  signal.throwIfAborted();
  if (previous !== undefined) {
    if (previous.state.running) await stopContainer(engine, previous, { graceMs, clock, signal: lost });
    await engine.renameContainer(previous.id, previousName(app), lost);
  }
  await engine.renameContainer(next.id, app, lost);
  try {
    await engine.startContainer(next.id, lost);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new RdtError(`${app} could not be started: ${error.message}`, {
      hint: error.hint,
      exitCode: ExitCode.appFailed,
      cause: error,
    });
  }
}

/** Watches the first seconds, and lets the folder be completed meanwhile. */
async function settle(replacement: Replacement, container: Container): Promise<void> {
  const { engine, graceMs, clock, lost } = replacement;
  const restarting = new AbortController();
  const first = watchStart(replacement, container.id, restarting.signal);
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
  await watchStart(replacement, container.id, new AbortController().signal);
}
