import { hasOtherSettings } from '../push/container-spec.js';
import { planPushSync, readRemote, startScan } from '../push/push-state.js';
import { syncStep } from '../push/sync-step.js';
import { type Ready, readyNow } from './ready.js';
import type { Session } from './watch-deps.js';

/**
 * Brings the folder into the app that runs, whatever a build would have made of it. Undefined when there is none, or it cannot be
 * changed without a build. @throws as `push`.
 */
export async function syncOldApp(session: Session): Promise<Ready | undefined> {
  const { held, memory, monitor, folder, store } = session;
  const job = session.job();
  const remote = await readRemote(job, held);
  const { container, unfinished } = remote;
  if (container === undefined || unfinished || hasOtherSettings(container, job.settings)) return undefined;
  const planned = await planPushSync(job, held, container, remote, startScan(job, held));
  const outcome = await monitor.quietly(() => syncStep(job, held, container, planned));
  if (outcome.kind === 'needs-rebuild') return undefined;
  memory.settle();
  folder.confirm();
  return readyNow(monitor, await store.load(container.id));
}
