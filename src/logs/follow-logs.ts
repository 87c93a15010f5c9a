import type { Clock } from '../runtime.js';
import type { Engine } from '../transport/engine.js';
import { ContainerLog } from './container-log.js';
import { EngineLink } from './engine-link.js';
import type { LogView } from './log-view.js';
import { inOrder, showAll, type Shown } from './show-lines.js';

/** Lines that belong together in time come within this time, also from different containers. */
const IDLE_MS = 20;
export interface Followed extends Shown {
  /** The same device again, after its connection was lost. */
  readonly connect: () => Promise<Engine>;
}

export interface FollowDeps {
  readonly clock: Clock;
  readonly view: LogView;
  readonly signal: AbortSignal;
}

/** Shows the logs of the containers of these names until the signal is aborted, whatever happens to containers, device and network meanwhile. */
export async function followLogs(
  apps: readonly string[],
  { engine, connect, range, grep }: Followed,
  { clock, view, signal }: FollowDeps,
): Promise<void> {
  const over = new AbortController();
  const deps = { clock, emit: view.note.bind(view), signal: AbortSignal.any([signal, over.signal]) };
  await using link = new EngineLink(engine, { ...deps, connect });
  const logs = apps.map((app) => new ContainerLog(app, range, deps));
  const idle = () => clock.sleep(IDLE_MS);
  try {
    const backlogs = logs.map((log) => unlessCut(log.backlog(engine), engine, link));
    await showAll(inOrder(backlogs), grep, view);
    await showAll(
      inOrder(
        logs.map((log) => log.live(link)),
        idle,
      ),
      grep,
      view,
    );
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
