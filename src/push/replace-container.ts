import { text } from 'node:stream/consumers';
import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { Container, ContainerSpec, Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { discardedName, nextName, previousName } from './labels.js';
import { stopContainer } from './stop-container.js';

/** A new app that ends with an error within this time is taken back. */
export const SETTLE_MS = 2000;
const LAST_LINES = 20;

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
  /** Called with the new container while it runs, before it has proved itself. */
  started(container: Container): Promise<void>;
}

/**
 * Puts a new container in the place of the app's old one: create, stop old, start new, discard old. After a failure everything
 * stays where it is then, for `rollBack`.
 * @throws RdtError (exit code 6) when the new one cannot be created or started, or fails within SETTLE_MS.
 */
export async function replaceContainer(replacement: Replacement): Promise<Container> {
  const { engine, app, previous, signal, lost } = replacement;
  await refuseTakenName(engine, nextName(app), signal);
  const id = await createNext(replacement);
  const next = await inspect(engine, id, signal);
  await replacement.prepare(next);
  await switchOver(replacement, next);
  const running = await inspect(engine, id, signal);
  await replacement.started(running);
  await watchStart(replacement, id);
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
      exitCode: ExitCode.appFailed,
      cause: error,
    });
  }
}

async function watchStart({ engine, app, clock, signal }: Replacement, id: string): Promise<void> {
  const enough = new AbortController();
  const timer = clock.sleep(SETTLE_MS, AbortSignal.any([signal, enough.signal])).then(() => undefined);
  const waiting = AbortSignal.any([signal, enough.signal]);
  const exit = engine.waitContainer(id, 'next-exit', waiting);
  try {
    const early = await Promise.race([timer, exit]);
    const exitCode = early ?? (await exitCodeNow(engine, id, signal));
    if (exitCode === 0) return;
    const output = await lastLines(engine, id, signal);
    throw new RdtError(`${app} ended with exit code ${exitCode} within ${SETTLE_MS / 1000} s of its start`, {
      exitCode: ExitCode.appFailed,
      hint: output === '' ? 'It printed nothing.' : `Its last lines were:\n${output}`,
    });
  } finally {
    enough.abort();
    await Promise.allSettled([timer, exit]);
  }
}

/** An exit that came before the wait was heard shows in the state. */
async function exitCodeNow(engine: Engine, id: string, signal: AbortSignal): Promise<number> {
  const { state } = await inspect(engine, id, signal);
  return state.running && !state.restarting ? 0 : state.exitCode;
}

async function lastLines(engine: Engine, id: string, signal: AbortSignal): Promise<string> {
  const { stdout, stderr } = await engine.logs(
    id,
    { follow: false, tail: LAST_LINES, timestamps: false },
    signal,
  );
  const [out, errors] = await Promise.all([text(stdout), text(stderr)]);
  return `${out}${errors}`.replaceAll('\r', '').trimEnd();
}

async function inspect(engine: Engine, id: string, signal: AbortSignal): Promise<Container> {
  const container = await engine.inspectContainer(id, signal);
  if (container === undefined)
    throw new RdtError('the container was removed by somebody else while it was replaced');
  return container;
}
