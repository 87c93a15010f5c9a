import { setMaxListeners } from 'node:events';
import type { Clock } from '../runtime.js';
import type { Engine } from '../transport/engine.js';
import { EngineLink } from './engine-link.js';
import { FollowedApps, type Joining } from './followed-apps.js';
import type { LogView } from './log-view.js';
import { inOrder, showAll, type Shown } from './show-lines.js';

/** Lines that belong together in time come within this time, also from different containers. */
const IDLE_MS = 20;

export interface Followed extends Shown {
  /** The same device again, after its connection was lost. */
  readonly connect: () => Promise<Engine>;
  /** Given when containers that come later are wanted too. */
  readonly joining?: Joining;
}

export interface FollowDeps {
  readonly clock: Clock;
  readonly view: LogView;
  readonly signal: AbortSignal;
}

/** Shows the logs of the containers of these names until the signal is aborted, whatever happens to containers, device and network meanwhile. */
export async function followLogs(
  names: readonly string[],
  { engine, connect, joining, range, grep }: Followed,
  { clock, view, signal }: FollowDeps,
): Promise<void> {
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  // Each log waits with it, and a device may have any number of them.
  setMaxListeners(0, ended);
  const deps = { clock, emit: view.note.bind(view), signal: ended };
  await using link = new EngineLink(engine, { ...deps, connect });
  const apps = new FollowedApps(names, range, deps, joining);
  try {
    const backlogs = apps.backlogs(engine).map((backlog) => unlessCut(backlog, engine, link));
    await showAll(inOrder(backlogs), grep, view);
    const newcomers = apps.newcomers(link);
    const live = { idle: () => clock.sleep(IDLE_MS), ...(newcomers && { joining: newcomers }) };
    await showAll(inOrder(apps.onward(link), live), grep, view);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
  }
}

/** What is cut off here comes with the live log. */
async function* unlessCut<T>(batches: AsyncIterable<T>, engine: Engine, link: EngineLink): AsyncGenerator<T> {
  try {
    yield* batches;
  } catch (error) {
    await link.failed(engine, error);
  }
}
