import { posix } from 'node:path';
import { buildImage } from '../build/build-image.js';
import type { TriggerHashes } from '../sync/build-triggers.js';
import type { Marks } from '../sync/deployment.js';
import { refuseMountedPaths } from '../sync/mounted-path.js';
import { seenFrom } from '../sync/mounts.js';
import { noteForPredecessor } from '../sync/predecessor.js';
import { readMarks } from '../sync/state-token.js';
import { type Tree, unknownEntry } from '../sync/tree.js';
import { RdtError } from '../errors.js';
import type { Container, ContainerSpec, Engine, ImageDetails, Mount } from '../transport/engine.js';
import { isAnonymous } from './anonymous-volumes.js';
import { imageNamed } from './container-named.js';
import { goneMeanwhile } from './gone-meanwhile.js';
import { builtFromLabel } from './built-from.js';
import { containerSpec } from './container-spec.js';
import { holdImage, releaseImage } from './held-image.js';
import { imageLabelsOf } from './labels.js';
import { noticesOfVolumes } from './notices.js';
import { installSupervisor, supervised, supervisorFor } from './process-supervisor.js';
import type { HeldDeps, PushDeps, PushJob } from './push-job.js';
import { pushedFromLabel } from './pushed-from.js';
import { type PlannedSync, planPushSync, type RemoteState, startScan } from './push-state.js';
import { replaceContainer } from './replace-container.js';
import { SETTLE_MS } from './watch-start.js';
import { undoneAfter } from './roll-back.js';
import { oldImage, type OldApp, undoBuild } from './undo-build.js';
import { removeSuperseded } from './superseded-image.js';
import { commitRounds, refuseMassDeletion, type RoundsOutcome } from './sync-step.js';
import { removeDiscarded } from './unfinished-push.js';

/** What an image was made of. */
interface Ingredients {
  readonly context: Tree;
  readonly triggers: TriggerHashes;
}

/**
 * Builds the image while the old container runs on, puts a new container in its place, and brings into that one what the image
 * left out of the folder. The caller holds the app's lock.
 * @param triggers as they were before anything of the folder was read for the build.
 * @throws BuildError, or RdtError with exit code 6; either way the old container runs as before.
 */
export async function buildStep(
  job: PushJob,
  deps: HeldDeps,
  remote: RemoteState,
  triggers: TriggerHashes,
): Promise<Container> {
  const { lost } = deps;
  const { appName } = job.settings;
  const container = await buildAndReplace(job, deps, remote, triggers);
  const old = new Set([remote.container?.imageId, remote.image?.id]);
  old.delete(container.imageId);
  await Promise.all([
    removeDiscarded(deps, appName),
    ...Array.from(old, (id) => id && removeSuperseded(deps, appName, id, lost)),
  ]);
  await releaseImage(deps, appName, lost);
  return container;
}

async function buildAndReplace(
  job: PushJob,
  deps: HeldDeps,
  remote: RemoteState,
  triggers: TriggerHashes,
): Promise<Container> {
  const container = remote.container && seenFrom(remote.container, job.settings.destination, remote.place);
  const old: OldApp = { container, wasStopped: false, changedVolumes: new Set() };
  try {
    await holdImage(deps, job.settings.appName, await oldImage(deps.engine, remote, deps.signal));
    const context = await buildAppImage(job, deps);
    return await replace(job, deps, remote, { context, triggers }, old);
  } catch (error) {
    throw await undoneAfter(error, async () => {
      try {
        await undoBuild(job.settings.appName, deps, remote, old);
      } catch (failure) {
        throw await goneMeanwhile(failure, deps);
      }
    });
  }
}

/** Answers what the image was made of. */
async function buildAppImage({ settings, compress }: PushJob, deps: PushDeps): Promise<Tree> {
  const { platform, clock, login, emit, signal } = deps;
  const kept = { keys: deps.contextKeys, device: deps.device.address };
  const { appName, source } = settings;
  const { context } = await buildImage(
    {
      source,
      tag: `${appName}:latest`,
      labels: imageLabelsOf(appName),
      platform,
      compress,
      clock,
      login,
      kept,
    },
    await deps.builder(),
    (event) => emit({ type: 'build', event }),
    signal,
  );
  return new Map(
    Array.from(context, ([path, type]) => [path, unknownEntry(type === 'folder' ? 'directory' : type)]),
  );
}

async function replace(
  job: PushJob,
  deps: HeldDeps,
  remote: RemoteState,
  { context, triggers }: Ingredients,
  old: OldApp,
): Promise<Container> {
  const { engine, clock, signal, lost, emit } = deps;
  const { appName, destination, stopGraceMs, afterSync } = job.settings;
  const [image, supervisor] = await Promise.all([
    builtImage(engine, appName, signal),
    afterSync.kind === 'process' ? supervisorFor(engine, deps.readSupervisor, signal) : undefined,
  ]);
  const inherited = inheritedVolumes(job, remote.container);
  if (remote.container?.imageId !== image.id) {
    const messages = noticesOfVolumes(inherited, destination, remote.place);
    for (const message of messages) emit({ type: 'warning', message });
  }
  return replaceContainer({
    engine,
    app: appName,
    spec: specFor(job, inherited, image, {
      ...builtFromLabel(job.settings.buildTriggers, triggers),
      ...pushedFromLabel(job, deps),
    }),
    previous: remote.container,
    graceMs: stopGraceMs,
    clock,
    emit,
    signal,
    lost,
    stopping: () => void (old.wasStopped = true),
    prepare: async (next) => {
      // Looks into it first: of mounts that cannot be made no supervisor is to blame.
      await fillBlindContainer(job, deps, next, remote, old);
      if (supervisor !== undefined) await installSupervisor(engine, next.id, supervisor, signal);
    },
    started: (next) => {
      emit({ type: 'starting', app: appName, settleMs: SETTLE_MS });
      return reconcile(job, deps, next, context, old);
    },
  });
}

async function builtImage(engine: Engine, app: string, signal: AbortSignal): Promise<ImageDetails> {
  const image = await engine.inspectImage(imageNamed(app), signal);
  if (image === undefined)
    throw new RdtError(`the image ${app} was removed by somebody else while it was built`);
  return image;
}

/** Volumes that an image asked for are handed on from container to container: what the app keeps there is its data. */
function inheritedVolumes({ settings }: PushJob, previous: Container | undefined): Mount[] {
  const taken = new Set(settings.volumes.map(({ target }) => posix.resolve(target)));
  return (previous?.mounts ?? [])
    .filter(isAnonymous)
    .filter(({ destination }) => !taken.has(posix.resolve(destination)));
}

/**
 * The stop signal is the image's, and said nevertheless: an engine that is not told one takes every signal for the wish to end, and does
 * not start an app again that crashes after it was sent SIGHUP (moby, daemon/kill.go, `ExitOnNext`).
 */
function specFor(
  { settings }: PushJob,
  inherited: readonly Mount[],
  image: ImageDetails,
  origin: Readonly<Record<string, string>>,
): ContainerSpec {
  const described = containerSpec(settings);
  const Labels = { ...described.Labels, ...origin };
  const plain = { ...described, Labels, StopSignal: image.stopSignal };
  const isSupervised = settings.afterSync.kind === 'process';
  const spec = isSupervised ? supervised(plain, image, settings.stopGraceMs) : plain;
  const binds = inherited.map(({ volumeName, destination }) => `${volumeName}:${destination}`);
  const { HostConfig } = spec;
  return { ...spec, HostConfig: { ...HostConfig, Binds: [...(HostConfig.Binds ?? []), ...binds] } };
}

/** An image without a shell can never be asked what it holds: its container gets the whole folder before the first start. */
async function fillBlindContainer(
  job: PushJob,
  deps: PushDeps,
  next: Container,
  { engineRun }: Marks,
  old: OldApp,
): Promise<void> {
  const hasShell = (await deps.engine.statPath(next.id, '/bin/sh', deps.signal)) !== undefined;
  if (hasShell) return;
  const planned = await planPushSync(job, deps, next, { token: undefined, engineRun }, startScan(job, deps));
  await refuseOrNote(job, deps, next, planned, old);
  await commitRounds(job, deps, next, planned, { unobserved: true, due: undefined });
}

/**
 * Asks the new container what the image has brought along, adds the rest of the folder, and takes away what went from it during the build.
 * True when the app must be told.
 * @throws RdtError when most of the folder went during the build, or is to go from a volume that the old container had as well: a mistake
 * is as likely as in a sync. What went before the build and lay in the old container only is no deletion, so an ordinary build has none.
 */
async function reconcile(
  job: PushJob,
  deps: HeldDeps,
  container: Container,
  context: Tree,
  old: OldApp,
): Promise<boolean> {
  const marks = await readMarks(deps.engine, container.id, job.settings.destination, deps.signal);
  const planned = await planPushSync(job, deps, container, marks, startScan(job, deps), {
    predecessor: old.container,
    context,
  });
  await refuseOrNote(job, deps, container, planned, old);
  const outcome = await commitOrOweDeletions(job, deps, container, planned);
  if (outcome.kind === 'needs-rebuild') {
    deps.emit({
      type: 'warning',
      message: `the folder cannot be kept in step with the container: ${outcome.reason}`,
    });
  }
  // An app that has ended already could not be asked what it lacked: it ran with what it was built from.
  if (outcome.kind !== 'committed' || planned.deployed.knowledge === 'none') return false;
  // What .dockerignore kept out of the image is nothing that the app was built to need.
  return planned.plan.uploads.some((path) => context.has(path));
}

/** An app may crash for want of the very files that it is sent: it gets them also where it does not live long enough to delete, and what has to go is left to the next push. */
async function commitOrOweDeletions(
  job: PushJob,
  deps: HeldDeps,
  container: Container,
  planned: PlannedSync,
): Promise<RoundsOutcome> {
  const options = { unobserved: false, due: undefined };
  const outcome = await commitRounds(job, deps, container, planned, options);
  const { deletions } = planned.plan;
  if (outcome.kind !== 'needs-rebuild' || deletions.length === 0) return outcome;
  const uploads = { ...planned, plan: { ...planned.plan, deletions: [] } };
  const sent = await commitRounds(job, deps, container, uploads, options);
  if (sent.kind === 'needs-rebuild') return sent;
  const noted = await deps.store.load(container.id);
  if (noted !== undefined) await deps.store.save({ ...noted, begun: deletions });
  deps.emit({ type: 'warning', message: `the next push tries again: ${outcome.reason}` });
  return sent;
}

/**
 * Before a new container is filled: what is refused is not noted, since it is not sent.
 * @throws RdtError as `refuseMassDeletion` and `refuseMountedPaths`.
 */
async function refuseOrNote(
  job: PushJob,
  { store }: PushDeps,
  next: Container,
  planned: PlannedSync,
  old: OldApp,
): Promise<void> {
  const { source, destination } = job.settings;
  const { plan, local, deployed } = planned;
  const container = seenFrom(next, destination, deployed.marks.place);
  refuseMassDeletion(job, planned);
  refuseMountedPaths({ container, destination }, local.tree, plan);
  if (old.container === undefined) return;
  const succession = { store, source, destination, predecessor: old.container, container };
  for (const mount of await noteForPredecessor(succession, plan, local.tree))
    old.changedVolumes.add(mount.volumeName ?? mount.source);
}
