import { RdtError } from '../errors.js';
import { TimeLimit } from '../time-limit.js';
import { EngineError } from '../transport/engine-error.js';
import type { Container, Engine } from '../transport/engine.js';
import { discardedName } from './labels.js';
import type { EmitPushEvent } from './push-event.js';
import { restartNoMore } from './restart-aside.js';

/** For one removal, which may take minutes on a slow card; the engine goes on with it when nobody waits any more. */
const REMOVAL_MS = 15_000;

export interface TakeAway {
  readonly engine: Engine;
  readonly app: string;
  readonly emit: EmitPushEvent;
  readonly signal: AbortSignal;
}

/**
 * Ends a container for good, and has it wait for its removal: its ports, mounts and name are free afterwards. False when the engine
 * refuses that; on a full disk it renames nothing, and what is removed makes room.
 */
export async function couldStepAside(
  { engine, app, signal }: TakeAway,
  container: Container,
): Promise<boolean> {
  const { id } = container;
  try {
    // What is killed in the pause before a restart is ended a moment later, and not renamed before.
    if (await engine.killContainer(id, 'SIGKILL', signal))
      await engine.waitContainer(id, 'not-running', signal);
    await restartNoMore(engine, container, signal);
    await engine.renameContainer(id, discardedName(app, id), signal);
    return true;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return false;
  }
}

/**
 * Engines of the devices' days often could not remove a container at once: "device or resource busy". The next push tries again.
 * What was handed on to it is given by name, and the engine never takes that along (moby, daemon/mounts.go).
 */
export async function removeOrWarn(
  { engine, app, emit, signal }: TakeAway,
  { id }: Container,
  removeAnonymousVolumes: boolean,
): Promise<void> {
  using limit = new TimeLimit(signal, REMOVAL_MS);
  try {
    await engine.removeContainer(id, { removeAnonymousVolumes }, limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    const isOver = limit.signal.aborted;
    if (!isOver && !(error instanceof RdtError)) throw error;
    const why = isOver ? `the device takes more than ${REMOVAL_MS / 1_000} s for it` : messageOf(error);
    const message = `the new container of ${app} could not be removed, the next push takes it away: ${why}`;
    emit({ type: 'warning', message });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
