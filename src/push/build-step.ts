import { posix } from 'node:path';
import { buildImage } from '../build/build-image.js';
import type { TriggerHashes } from '../sync/build-triggers.js';
import { isAnonymous, seenFrom } from '../sync/mounts.js';
import type { Deletion } from '../sync/sync-plan.js';
import { type Tree, unknownEntry } from '../sync/tree.js';
import { RdtError } from '../errors.js';
import type { Container, ContainerSpec, Engine, ImageDetails, Mount } from '../transport/engine.js';
import { imageNamed } from './container-named.js';
import { goneMeanwhile } from './gone-meanwhile.js';
import { builtFromLabel } from './built-from.js';
import { containerSpec } from './container-spec.js';
import { fillBlindContainer, reconcile } from './fill-container.js';
import { holdImage } from './held-image.js';
import { imageLabelsOf } from './labels.js';
import { noticesOfVolumes } from './notices.js';
import { installSupervisor, supervised, supervisorFor } from './process-supervisor.js';
import type { HeldDeps, PushDeps, PushJob } from './push-job.js';
import { pushedFromLabel } from './pushed-from.js';
import type { RemoteState } from './push-state.js';
import { replaceContainer } from './replace-container.js';
import { refuseTakenNames } from './taken-names.js';
import { SETTLE_MS } from './watch-start.js';
import { undoneAfter } from './roll-back.js';
import { oldImage, type OldApp, undoBuild } from './undo-build.js';
import { removeReplaced } from './unfinished-push.js';

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
  const { appName } = job.settings;
  // And again when the image is there: a build lasts for minutes.
  await refuseTakenNames(deps.engine, appName, deps.signal);
  const container = await buildAndReplace(job, deps, remote, triggers);
  try {
    await tidyUp(appName, deps, remote, container);
  } catch (error) {
    // A push that is done has not failed: whoever asks next hears that the device is lost.
    if (!(error instanceof RdtError)) throw error;
    const message = `what the new ${appName} has replaced is left to the next push: ${error.message}`;
    deps.emit({ type: 'warning', message });
  }
  return container;
}

async function tidyUp(
  app: string,
  deps: HeldDeps,
  remote: RemoteState,
  { imageId }: Container,
): Promise<void> {
  const old = new Set([remote.container?.imageId, remote.image?.id]);
  old.delete(imageId);
  await removeReplaced(
    deps,
    app,
    [...old].filter((id) => id !== undefined),
  );
}

async function buildAndReplace(
  job: PushJob,
  deps: HeldDeps,
  remote: RemoteState,
  triggers: TriggerHashes,
): Promise<Container> {
  const { appName, destination } = job.settings;
  const container = remote.container && seenFrom(remote.container, destination, remote.place);
  const old: OldApp = { container, stoppedRun: undefined, created: new Set(), changedVolumes: new Set() };
  try {
    await holdImage(deps, appName, await oldImage(deps.engine, remote, deps.signal));
    const context = await buildAppImage(job, deps);
    return await replace(job, deps, remote, { context, triggers }, old);
  } catch (error) {
    throw await undoneAfter(error, async () => {
      try {
        await undoBuild(appName, deps, remote, old);
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
      listed: deps.contextListed,
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
  const inherited = inheritedVolumes(job, image, remote.container);
  if (remote.container?.imageId !== image.id) {
    const messages = noticesOfVolumes(inherited, destination, remote.place);
    for (const message of messages) emit({ type: 'warning', message });
  }
  let owed: readonly Deletion[] = [];
  return replaceContainer({
    engine,
    app: appName,
    spec: specFor(job, inherited, image, {
      ...builtFromLabel(job.settings.buildTriggers, triggers),
      ...pushedFromLabel(job, deps),
    }),
    previous: remote.container,
    created: old.created,
    graceMs: stopGraceMs,
    clock,
    emit,
    signal,
    lost,
    stopping: ({ state }) => void (old.stoppedRun = { startedAt: state.startedAt, graceMs: stopGraceMs }),
    prepare: async (next) => {
      // Looks into it first: of mounts that cannot be made no supervisor is to blame.
      owed = await fillBlindContainer(job, deps, { container: next, context, old }, remote);
      if (supervisor !== undefined) await installSupervisor(engine, next.id, supervisor, signal);
    },
    started: (next) => {
      emit({ type: 'starting', app: appName, settleMs: SETTLE_MS });
      return reconcile(job, deps, { container: next, context, old }, owed);
    },
  });
}

async function builtImage(engine: Engine, app: string, signal: AbortSignal): Promise<ImageDetails> {
  const image = await engine.inspectImage(imageNamed(app), signal);
  if (image === undefined)
    throw new RdtError(`the image ${app} was removed by somebody else while it was built`);
  return image;
}

/** Volumes that an image asked for are handed on from container to container as long as it does: what the app keeps there is its data. */
function inheritedVolumes(
  { settings }: PushJob,
  { volumes }: ImageDetails,
  previous: Container | undefined,
): Mount[] {
  const taken = new Set(settings.volumes.map(({ target }) => posix.resolve('/', target)));
  const declared = new Set(volumes.map((path) => posix.resolve('/', path)));
  return (previous?.mounts ?? []).filter((mount) => {
    const path = posix.resolve('/', mount.destination);
    return isAnonymous(mount) && declared.has(path) && !taken.has(path);
  });
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
