import { RdtError } from '../errors.js';
import type { Deployed } from '../sync/deployment.js';
import type { CommitOutcome } from '../sync/commit.js';
import { readToken, syncContainer } from '../sync/sync-container.js';
import { isEmptyPlan } from '../sync/sync-plan.js';
import type { Container } from '../transport/engine.js';
import type { HeldDeps, PushDeps, PushJob } from './push-job.js';
import { type PlannedSync, planPushSync, startScan } from './push-state.js';
import { throttled } from './throttle.js';
import { restartContainer, type StopOptions } from './stop-container.js';

/** A folder that suddenly holds less than half of what it held is more often a mistake than a wish (SYNC.md, rule 4). */
const MASS_DELETION = { share: 0.5, atLeast: 100 };
/** A file that is being written to is tried again this often, then left to the next push. */
const ROUNDS = 3;
const PROGRESS_EVERY_MS = 200;

export type SyncStepOutcome =
  | { readonly kind: 'synced' | 'started' | 'up-to-date' }
  | { readonly kind: 'needs-rebuild'; readonly reason: string };

/** Brings the folder into the running container and restarts the app. The caller holds the app's lock. */
export async function syncStep(
  job: PushJob,
  deps: HeldDeps,
  container: Container,
  planned: PlannedSync,
): Promise<SyncStepOutcome> {
  refuseMassDeletion(job, planned);
  const outcome = await commitRounds(job, deps, container, planned, false);
  if (outcome.kind === 'needs-rebuild') return outcome;
  if (outcome.kind === 'nothing') return startStopped(deps, container);
  return { kind: await takeEffect(job, deps, container) };
}

/** What a restart does for an app that has nothing new: only one that does not run is started. */
async function startStopped({ engine, lost }: HeldDeps, container: Container): Promise<SyncStepOutcome> {
  if (container.state.running) return { kind: 'up-to-date' };
  await engine.startContainer(container.id, lost);
  return { kind: 'started' };
}

export type RoundsOutcome =
  | { readonly kind: 'committed' | 'nothing' }
  | Extract<CommitOutcome, { kind: 'needs-rebuild' }>;

/** Nothing to send, and the container says so itself. An equal tree without our token still gets one: it is what later deletions go by. */
export const isSettled = ({ plan, deployed }: PlannedSync): boolean =>
  isEmptyPlan(plan) && deployed.knowledge === 'token';

/** Commits, and looks again while files changed under our hands, so that what is deployed is what the folder holds. */
export async function commitRounds(
  job: PushJob,
  deps: PushDeps,
  container: Container,
  first: PlannedSync,
  unobserved: boolean,
): Promise<RoundsOutcome> {
  let planned = first;
  let committed = false;
  for (let round = 1; !isSettled(planned); round++) {
    const outcome = await commitOnce(job, deps, container, planned, unobserved);
    // Without news there is nothing worth a new container: what cannot be marked is asked for again next time.
    if (outcome.kind === 'needs-rebuild') return isEmptyPlan(planned.plan) ? { kind: 'nothing' } : outcome;
    committed ||= !isEmptyPlan(planned.plan);
    const { changing } = outcome.packed;
    if (changing.length === 0) break;
    if (round === ROUNDS) {
      deps.emit({
        type: 'warning',
        message: `${changing.join(', ')} kept changing; the next push sends what is missing`,
      });
      break;
    }
    const token = await readToken(deps.engine, container.id, job.settings.destination, deps.signal);
    planned = await planPushSync(job, deps, container, token, startScan(job, deps));
  }
  return { kind: committed ? 'committed' : 'nothing' };
}

async function commitOnce(
  job: PushJob,
  deps: PushDeps,
  container: Container,
  { local, deployed, plan }: PlannedSync,
  unobserved: boolean,
): Promise<CommitOutcome> {
  const { engine, store, signal, emit } = deps;
  const { source, destination } = job.settings;
  const onProgress = throttled(deps.clock, PROGRESS_EVERY_MS, (sentBytes: number, totalBytes: number) =>
    emit({ type: 'sync-progress', sentBytes, totalBytes }),
  );
  const outcome = await syncContainer(
    { engine, container, source, destination, store, signal },
    { local: local.tree, deployed, plan, unobserved, scannedAtMs: local.scannedAtMs, onProgress },
  );
  if (outcome.kind === 'committed' && !isEmptyPlan(plan)) {
    const { channel, packed } = outcome;
    const files = plan.uploads.length - packed.changing.length;
    const deleted = plan.deletions.length + plan.obstacles.length;
    emit({ type: 'synced', summary: { files, deleted, bytes: packed.contentBytes, channel } });
  }
  return outcome;
}

/** Lets the app run with the new files, in the way that the project asks for. */
export async function takeEffect(
  job: PushJob,
  deps: HeldDeps,
  container: Container,
): Promise<'synced' | 'started'> {
  const { engine, signal, lost } = deps;
  signal.throwIfAborted();
  const { afterSync } = job.settings;
  if (!container.state.running) {
    await engine.startContainer(container.id, lost);
    return 'started';
  }
  switch (afterSync.kind) {
    case 'none':
      return 'synced';
    case 'signal':
      await engine.killContainer(container.id, afterSync.signal, lost);
      return 'synced';
    case 'container':
      await restartContainer(engine, container, stopOptions(job, deps));
      return 'synced';
    case 'process':
      throw new RdtError('restart: process is not supported yet', {
        hint: 'Use container, none or signal:<name>.',
      });
  }
}

/** Not to be interrupted: an app that was asked to end is started again. */
export const stopOptions = ({ settings }: PushJob, { clock, lost }: HeldDeps): StopOptions => ({
  graceMs: settings.stopGraceMs,
  clock,
  signal: lost,
});

function refuseMassDeletion(job: PushJob, { plan, deployed }: PlannedSync): void {
  const deletions = plan.deletions.length + plan.obstacles.length;
  const isMass = deletions >= MASS_DELETION.atLeast && deletions > sizeOf(deployed) * MASS_DELETION.share;
  if (!isMass || job.force) return;
  throw new RdtError(
    `this push would delete ${deletions} of the ${sizeOf(deployed)} files that it once sent`,
    {
      hint: 'If that is what you want, push again with --force. Nothing was changed.',
    },
  );
}

const sizeOf = ({ tree }: Deployed): number => tree.size;
