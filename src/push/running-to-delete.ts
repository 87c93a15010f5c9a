import type { SyncPlan } from '../sync/sync-plan.js';
import type { Container } from '../transport/engine.js';
import type { HeldDeps } from './push-job.js';
import { isAlwaysRestarted } from './restart-aside.js';
import { inspect } from './watch-start.js';

/**
 * Only a process in the container can delete there: one that does not run is started for it, with the old files, and whoever calls restarts it.
 * Not where that may be the app's second run: one that is not meant to run all the time has perhaps done its work.
 */
export async function runningToDelete(
  { engine, lost }: Pick<HeldDeps, 'engine' | 'lost'>,
  container: Container,
  { deletions, obstacles }: SyncPlan,
): Promise<Container> {
  const { state, restartPolicy } = container;
  const isAsked = deletions.length + obstacles.length > 0;
  if (!isAsked || state.running || !isAlwaysRestarted(restartPolicy.name)) return container;
  await engine.startContainer(container.id, lost);
  return inspect(engine, container.id, lost);
}
