import type { CommitOutcome } from '../sync/commit.js';
import { startAtOnce } from '../sync/container-end.js';
import { readMarks } from '../sync/state-token.js';
import { type SyncOptions, syncContainer } from '../sync/sync-container.js';
import { isEmptyPlan } from '../sync/sync-plan.js';
import type { Container } from '../transport/engine.js';
import type { OnChangeRule } from '../project/on-change.js';
import { startingAgain } from './app-not-restarted.js';
import { noticesOf } from './notices.js';
import { rulesOf, runRules } from './on-change.js';
import { withinReason } from './mass-deletion.js';
import { dueRules, isOwing, noteOwed, owedBy } from './owed-effect.js';
import type { HeldDeps, PushDeps, PushJob } from './push-job.js';
import { type PlannedSync, planPushSync, startScan } from './push-state.js';
import { runningToDelete } from './running-to-delete.js';
import { throttled } from './throttle.js';
import { restartContainer, type StopOptions } from './stop-container.js';
import { inspect } from './watch-start.js';

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
  found: PlannedSync,
): Promise<SyncStepOutcome> {
  const planned = withinReason(job, deps.emit, found);
  for (const message of noticesOf(container, planned)) deps.emit({ type: 'warning', message });
  if (job.settings.afterSync.kind === 'process' && container.state.running)
    deps.restarter.prepare(container.id);
  const due = new Set(dueRules(job, planned));
  try {
    const running = await runningToDelete(deps, container, planned.plan);
    const planAgain = () => planAnew(job, deps, running);
    const outcome = await commitRounds(job, deps, running, planned, { unobserved: false, due, planAgain });
    if (outcome.kind === 'needs-rebuild') return outcome;
    if (outcome.kind === 'nothing' && !isOwing(planned))
      return await startingAgain(container, startStopped(deps, running));
    const rules = job.settings.onChange.filter((rule) => due.has(rule));
    const kind = await startingAgain(container, runRulesAndTakeEffect(job, deps, running, rules));
    await noteOwed(job, deps, container, undefined);
    return { kind };
  } catch (error) {
    // All of it may have arrived, and then the next push finds nothing to send.
    if (isOwing(planned) || !isEmptyPlan(planned.plan)) await noteOwed(job, deps, container, owedBy(due));
    throw error;
  }
}

async function planAnew(job: PushJob, deps: HeldDeps, container: Container): Promise<PlannedSync> {
  const marks = await readMarks(deps.engine, container.id, job.settings.destination, deps.signal);
  return planPushSync(job, deps, container, marks, startScan(job, deps));
}

/** Rules run before the restart; an app that does not run is started for them. The caller holds the app's lock. */
export async function runRulesAndTakeEffect(
  job: PushJob,
  deps: HeldDeps,
  container: Container,
  rules: readonly OnChangeRule[],
): Promise<'synced' | 'started'> {
  if (rules.length === 0) return takeEffect(job, deps, container);
  const now = await lookedAt(deps, container);
  if (isDown(now)) await startNow(deps, now);
  await runRules(rules, deps, container);
  const state = { ...container.state, running: true, restarting: false };
  return takeEffect(job, deps, { ...container, state });
}

/** What a restart does for an app that has nothing new: only one that does not run is started. */
async function startStopped({ engine, lost }: HeldDeps, container: Container): Promise<SyncStepOutcome> {
  if (container.state.running) return { kind: 'up-to-date' };
  await engine.startContainer(container.id, lost);
  return { kind: 'started' };
}

export type RoundsOutcome =
  | { readonly kind: 'nothing' | 'committed' }
  | Extract<CommitOutcome, { kind: 'needs-rebuild' }>;

export interface RoundsOptions {
  /** No process can look at the container's files. */
  readonly unobserved: boolean;
  /** Gets the rules that what is sent calls for, and says that the app is owed all of them with each commit; undefined for an app that is not. */
  readonly due: Set<OnChangeRule> | undefined;
  /** Compares folder and container anew. */
  readonly planAgain: () => Promise<PlannedSync>;
}

/** Nothing to send, and the container says so itself. An equal tree without our token still gets one: it is what later deletions go by. */
export const isSettled = ({ plan, deployed }: PlannedSync): boolean =>
  isEmptyPlan(plan) && deployed.knowledge === 'token';

/**
 * Commits, and looks again while files changed under our hands, so that what is deployed is what the folder holds. Each look may find that the
 * folder was emptied or unmounted meanwhile.
 * @throws RdtError as `withinReason`; earlier looks were followed.
 */
export async function commitRounds(
  job: PushJob,
  deps: PushDeps,
  container: Container,
  first: PlannedSync,
  { unobserved, due, planAgain }: RoundsOptions,
): Promise<RoundsOutcome> {
  let planned = withinReason(job, deps.emit, first);
  let committed = false;
  for (let round = 1; !isSettled(planned); round++) {
    for (const rule of rulesOf(job, planned.plan, planned.local.tree)) due?.add(rule);
    const owes = !isEmptyPlan(planned.plan) || isOwing(planned);
    const owed = owes && due !== undefined ? owedBy(due) : undefined;
    const outcome = await commitOnce(job, deps, container, planned, { unobserved, owed });
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
    planned = withinReason(job, deps.emit, await planAgain());
  }
  return { kind: committed ? 'committed' : 'nothing' };
}

async function commitOnce(
  job: PushJob,
  deps: PushDeps,
  container: Container,
  { local, deployed, plan }: PlannedSync,
  { unobserved, owed }: Pick<SyncOptions, 'unobserved' | 'owed'>,
): Promise<CommitOutcome> {
  const { engine, store, signal, emit } = deps;
  const { source, destination, afterSync } = job.settings;
  const restarts = afterSync.kind === 'container';
  const onProgress = throttled(deps.clock, PROGRESS_EVERY_MS, (sentBytes: number, totalBytes: number) =>
    emit({ type: 'sync-progress', sentBytes, totalBytes }),
  );
  const outcome = await syncContainer(
    { engine, container, source, destination, store, compress: job.compress, signal },
    {
      local: local.tree,
      deployed,
      plan,
      scannedAtMs: local.scannedAtMs,
      unobserved,
      restarts,
      owed,
      onProgress,
    },
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
  const now = await lookedAt(deps, container, afterSync.kind === 'signal');
  if (isDown(now)) return startNow(deps, now);
  switch (afterSync.kind) {
    case 'none':
      return 'synced';
    case 'signal': {
      const isSent = await engine.killContainer(now.id, afterSync.signal, lost);
      return isSent ? 'synced' : startNow(deps, now);
    }
    case 'container':
      await restartContainer(engine, now, stopOptions(job, deps));
      return 'synced';
    case 'process':
      return restartApp(job, deps, container);
  }
}

/** It does not run, or waits for the engine to start it again. */
const isDown = ({ state }: Container): boolean => !state.running || state.restarting;

/** Anew where it was down, or when it must be known: the engine may have started it again meanwhile, and a signal to one that waits for that ends its waiting. */
async function lookedAt({ engine, lost }: HeldDeps, container: Container, must = false): Promise<Container> {
  return must || isDown(container) ? inspect(engine, container.id, lost) : container;
}

async function startNow({ engine, lost }: HeldDeps, container: Container): Promise<'started'> {
  await startAtOnce(engine, container, lost);
  return 'started';
}

/** Where the supervisor cannot be told, the container is restarted: it does not run, or waits to be restarted by the engine. */
async function restartApp(job: PushJob, deps: HeldDeps, container: Container): Promise<'synced' | 'started'> {
  const { engine, restarter, lost } = deps;
  if (await restarter.restart(container.id)) return 'synced';
  const now = await inspect(engine, container.id, lost);
  await restartContainer(engine, now, stopOptions(job, deps));
  return now.state.running ? 'synced' : 'started';
}

/** Not to be interrupted: an app that was asked to end is started again. */
export const stopOptions = ({ settings }: PushJob, { clock, lost }: HeldDeps): StopOptions => ({
  graceMs: settings.stopGraceMs,
  clock,
  signal: lost,
});
