import { ExitCode, RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import { containerNamed } from './container-named.js';
import { isOurs, nextName } from './labels.js';

export interface RollBack {
  readonly engine: Engine;
  readonly app: string;
  /** What the app ran in before: it is left, or put back. */
  readonly previous: Container | undefined;
  readonly signal: AbortSignal;
}

/**
 * Undoes a replacement at whatever point it is: new containers go, the old one has its name and runs, if it did. Answers whether
 * there was anything to undo. Only for the holder of the app's lock.
 */
export async function rollBack({ engine, app, previous, signal }: RollBack): Promise<boolean> {
  const removedNext = await removeOurs(engine, app, nextName(app), signal);
  const current = await containerNamed(engine, app, signal);
  const isNew = current !== undefined && current.id !== previous?.id;
  const removedNew = isNew && (await removeOurs(engine, app, app, signal));
  if (previous === undefined) return removedNext || removedNew;
  const old = await engine.inspectContainer(previous.id, signal);
  if (old === undefined) throw new RdtError(`the old container of ${app} was removed by somebody else`);
  if (old.name !== app) await engine.renameContainer(old.id, app, signal);
  if (previous.state.running) await engine.startContainer(old.id, signal);
  return removedNext || removedNew;
}

async function removeOurs(engine: Engine, app: string, name: string, signal: AbortSignal): Promise<boolean> {
  const container = await containerNamed(engine, name, signal);
  if (container === undefined || !isOurs(container, app)) return false;
  await engine.removeContainer(container.id, { removeAnonymousVolumes: true }, signal);
  return true;
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
