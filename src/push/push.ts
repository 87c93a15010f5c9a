import { isDeepStrictEqual } from 'node:util';
import { RdtError } from '../errors.js';
import { openContext } from '../build/context/open-context.js';
import type { TriggerHashes } from '../sync/build-triggers.js';
import { isEmptyPlan, type SyncPlan } from '../sync/sync-plan.js';
import type { Container } from '../transport/engine.js';
import { allOwed } from './app-debt.js';
import { AppLock, type Held } from './app-lock.js';
import { AppRestarter } from './app-restarter.js';
import { buildStep } from './build-step.js';
import { AFTERMATH_MS, containerNamed } from './container-named.js';
import type { Decision } from './decision.js';
import { unlessLocked } from './device-lock.js';
import { isHeld, releaseImage } from './held-image.js';
import { runHook } from './hooks.js';
import { refusePlan } from './refuse-plan.js';
import { isOwing } from './owed-effect.js';
import type { PushResult } from './push-event.js';
import type { HeldDeps, PushDeps, PushJob, Scan } from './push-job.js';
import {
  decideAction,
  isSameRemote,
  isUnmarked,
  type PlannedSync,
  planPushSync,
  readJobTriggers,
  readRemote,
  type RemoteState,
  startScan,
} from './push-state.js';
import { needsAnotherLook } from '../sync/commit-request.js';
import { isRestartLost, restoreRestart } from './restart-aside.js';
import { isSettled, syncStep, type SyncStepOutcome } from './sync-step.js';
import { takeBackUnfinished } from './unfinished-push.js';

/** At one push, when others take its container away, or change it. */
const ATTEMPTS = 3;
const NOTHING: SyncPlan = { uploads: [], deletions: [], obstacles: [] };

/** Everything that a push found out before it changes anything. */
interface Prepared {
  readonly triggers: TriggerHashes;
  readonly remote: RemoteState;
  readonly decision: Decision;
  /** Undefined when a new image is built: what its container lacks is known when it runs. */
  readonly planned: PlannedSync | undefined;
}

/**
 * Brings a folder and an app on a device together: builds, or syncs, or finds that nothing is to be done.
 * @throws RdtError; after any failure the app on the device is the old one or the new one.
 */
export async function push(job: PushJob, deps: PushDeps): Promise<PushResult> {
  const startMs = deps.clock.monotonicMs();
  if (!job.dryRun) await runBefore(job, deps);
  const { prepared, carriedOut } = await planAndCarryOut(job, deps);
  if (carriedOut === undefined) return printPlan(job, deps, prepared);
  const { action } = carriedOut;
  deps.signal.throwIfAborted();
  await runAfter(job, deps, action);
  await job.save(prepared.triggers);
  const durationMs = deps.clock.monotonicMs() - startMs;
  const result: PushResult = { ...carriedOut, app: job.settings.appName, durationMs };
  deps.emit({ type: 'done', result });
  return result;
}

/** Carries out nothing when it is a dry run. */
async function planAndCarryOut(
  job: PushJob,
  deps: PushDeps,
): Promise<{ prepared: Prepared; carriedOut?: CarriedOut }> {
  await using lock = new AppLock(job, deps);
  const prepared = await timed(deps, 'plan', () => prepare(job, deps, lock));
  if (job.dryRun) return { prepared };
  // Not noted, it would be built again by each push.
  await job.assertSavable?.(prepared.triggers);
  return { prepared, carriedOut: await carryOut(job, lock, prepared) };
}

async function prepare(job: PushJob, deps: PushDeps, lock: AppLock): Promise<Prepared> {
  const scan = startScan(job, deps);
  const [remote, triggers] = await Promise.all([firstLook(job, deps), readJobTriggers(job, deps)]);
  // Somebody has to mark it, and what it holds takes a while to find out.
  if (!job.dryRun && remote.container !== undefined && isUnmarked(remote)) lock.begin();
  return decideAndPlan(job, deps, remote, triggers, scan);
}

function firstLook(job: PushJob, deps: PushDeps): Promise<RemoteState> {
  const looking = readRemote(job, deps);
  if (deps.lost !== undefined) return looking;
  return unlessLocked({ ...deps, app: job.settings.appName }, looking, deps.signal);
}

async function decideAndPlan(
  job: PushJob,
  deps: PushDeps,
  remote: RemoteState,
  triggers: TriggerHashes,
  scan: Scan,
  told?: Decision,
): Promise<Prepared> {
  const decision = decideAction(job, remote, triggers);
  const { container } = remote;
  const plannable = container !== undefined && (decision.action === 'sync' || job.dryRun);
  const planned = plannable ? await planPushSync(job, deps, container, remote, scan) : undefined;
  // The plan of a dry run says it as well.
  const isTold = job.dryRun || isDeepStrictEqual(decision, told);
  if (!isTold) deps.emit({ type: 'decision', app: job.settings.appName, decision });
  return { triggers, remote, decision, planned };
}

type CarriedOut = Pick<PushResult, 'action' | 'containerId' | 'exitCode'>;

async function carryOut(job: PushJob, lock: AppLock, prepared: Prepared): Promise<CarriedOut> {
  const { container, unfinished, image } = prepared.remote;
  const isFinished = !unfinished && !isHeld(image, job.settings.appName);
  if (container?.state.running === true && isFinished && isUpToDate(prepared) && !isRestartLost(container)) {
    return { action: 'none', containerId: container.id };
  }
  const { deps, remote } = await lock.take();
  const carriedOut = await withRestarter(deps, async (held) =>
    apply(job, held, await stillTrue(job, held, prepared, remote)),
  );
  deps.debt.settle();
  return carriedOut;
}

const isUpToDate = ({ planned, decision }: Prepared): boolean =>
  decision.action === 'sync' && planned !== undefined && isSettled(planned) && !isOwing(planned);

/** Another push may have ended, or have been killed, between our look at the device and our lock; `now` is how it is since. */
async function stillTrue(
  job: PushJob,
  deps: HeldDeps,
  prepared: Prepared,
  now: RemoteState,
): Promise<Prepared> {
  const { appName } = job.settings;
  // By a push that was killed: whoever builds has the lock.
  if (isHeld(now.image, appName)) await releaseImage(deps, appName, deps.lost);
  if (!now.unfinished && isSameRemote(now, prepared.remote)) return withDebts(prepared, deps);
  if (now.unfinished) await takeBackUnfinished(deps, appName);
  return planAgain(job, deps, prepared, now.unfinished ? await readRemote(job, deps) : now);
}

/** What others owe is known since we have the lock. */
function withDebts(prepared: Prepared, { debt }: HeldDeps): Prepared {
  const { planned, remote } = prepared;
  if (planned === undefined || remote.container === undefined) return prepared;
  return { ...prepared, planned: { ...planned, owed: allOwed(planned.deployed, debt, remote.container) } };
}

const planAgain = (
  job: PushJob,
  deps: HeldDeps,
  { triggers, decision }: Prepared,
  remote: RemoteState,
): Promise<Prepared> => decideAndPlan(job, deps, remote, triggers, startScan(job, deps), decision);

async function apply(job: PushJob, deps: HeldDeps, prepared: Prepared, attempt = 1): Promise<CarriedOut> {
  const { remote, planned } = prepared;
  const { container } = remote;
  if (container === undefined || planned === undefined) return build(job, deps, prepared);
  const outcome = await timed(deps, 'sync', () => syncUnlessTaken(job, deps, container, planned));
  if (outcome.kind === 'taken') {
    if (attempt === ATTEMPTS) throw outcome.error;
    return apply(job, deps, await planAgain(job, deps, prepared, await readRemote(job, deps)), attempt + 1);
  }
  if (outcome.kind !== 'needs-rebuild') {
    return { action: outcome.kind === 'up-to-date' ? 'none' : 'sync', containerId: container.id };
  }
  const decision: Decision = { action: 'build', reasons: [outcome.reason] };
  deps.emit({ type: 'decision', app: job.settings.appName, decision });
  return build(job, deps, prepared);
}

/** Others may take the container away, put another one in its place, or change it in the middle of a sync. */
async function syncUnlessTaken(
  job: PushJob,
  deps: HeldDeps,
  container: Container,
  planned: PlannedSync,
): Promise<SyncStepOutcome | { readonly kind: 'taken'; readonly error: unknown }> {
  try {
    await restoreRestart(deps, job.settings.appName, container);
    return await syncStep(job, deps, container, planned);
  } catch (error) {
    deps.signal.throwIfAborted();
    if (needsAnotherLook(error)) return { kind: 'taken', error };
    await deps.clock.sleep(AFTERMATH_MS, deps.signal);
    if (await isThere(container, deps)) throw error;
    return { kind: 'taken', error };
  }
}

/** Also where nobody answers that. */
async function isThere({ id, name }: Container, { engine, signal }: HeldDeps): Promise<boolean> {
  try {
    return (await containerNamed(engine, name, signal))?.id === id;
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return true;
  }
}

async function build(job: PushJob, deps: HeldDeps, { remote, triggers }: Prepared): Promise<CarriedOut> {
  const { id, state } = await timed(deps, 'build', () => buildStep(job, deps, remote, triggers));
  const built: CarriedOut = { action: 'build', containerId: id };
  return state.running ? built : { ...built, exitCode: state.exitCode };
}

async function withRestarter<T>(deps: Held['deps'], work: (deps: HeldDeps) => Promise<T>): Promise<T> {
  if (deps.restarter !== undefined) return work({ ...deps, restarter: deps.restarter });
  using restarter = new AppRestarter(deps.engine, deps.lost);
  return await work({ ...deps, restarter });
}

async function runBefore(job: PushJob, deps: PushDeps): Promise<void> {
  if (job.settings.before === undefined) return;
  const [remote, triggers] = await Promise.all([firstLook(job, deps), readJobTriggers(job, deps)]);
  await hook(job, deps, 'before', job.settings.before, decideAction(job, remote, triggers).action);
}

async function runAfter(job: PushJob, deps: PushDeps, action: PushResult['action']): Promise<void> {
  if (job.settings.after !== undefined) await hook(job, deps, 'after', job.settings.after, action);
}

async function hook(
  { settings }: PushJob,
  { device, env, platform, clock, emit, signal }: PushDeps,
  name: 'before' | 'after',
  command: string,
  action: PushResult['action'],
): Promise<void> {
  emit({ type: 'hook', hook: name, command });
  const variables = { RDT_DEVICE: device.address, RDT_APP_NAME: settings.appName, RDT_ACTION: action };
  const request = { name, command, cwd: settings.source, env: { ...env, ...variables }, platform, clock };
  await runHook(request, (stream, chunk) => emit({ type: 'hook-output', stream, chunk }), signal);
}

/** @throws RdtError when a build would fail for something that the folder shows, or a sync be refused. */
async function printPlan(
  job: PushJob,
  deps: PushDeps,
  { decision, planned, remote }: Prepared,
): Promise<PushResult> {
  const app = job.settings.appName;
  const plan = planned?.plan ?? NOTHING;
  const isNews = !isEmptyPlan(plan) || (planned !== undefined && isOwing(planned));
  const context = decision.action === 'build' ? await contextPaths(job, deps) : [];
  deps.emit({
    type: 'plan',
    plan: { app, decision, context, sync: plan, effect: effectOf(job, decision, remote, isNews) },
  });
  const { container } = remote;
  if (planned !== undefined && container !== undefined && decision.action === 'sync')
    refusePlan(job, container, planned);
  return { action: 'none', app, containerId: remote.container?.id ?? '', durationMs: 0 };
}

async function contextPaths({ settings }: PushJob, deps: PushDeps): Promise<string[]> {
  const { platform, emit, signal } = deps;
  const request = { source: settings.source, platform };
  const { entries } = await openContext(request, (event) => emit({ type: 'build', event }), signal);
  return entries.filter(({ type }) => type !== 'folder').map(({ path }) => path);
}

function effectOf(
  { settings }: PushJob,
  decision: Decision,
  { container }: RemoteState,
  isNews: boolean,
): string {
  if (decision.action === 'build') return container === undefined ? 'create and start' : 'replace container';
  if (container?.state.running !== true) return 'start';
  if (!isNews) return 'nothing';
  const { afterSync } = settings;
  switch (afterSync.kind) {
    case 'container':
      return 'restart';
    case 'process':
      return 'restart process';
    case 'none':
      return 'nothing';
    case 'signal':
      return `signal ${afterSync.signal}`;
  }
}

async function timed<T>({ clock, emit }: PushDeps, name: string, work: () => Promise<T>): Promise<T> {
  const startMs = clock.monotonicMs();
  try {
    return await work();
  } finally {
    emit({ type: 'phase', name, durationMs: clock.monotonicMs() - startMs });
  }
}
