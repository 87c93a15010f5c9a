import { buildImage } from '../build/build-image.js';
import { readToken } from '../sync/sync-container.js';
import type { Container, ContainerSpec } from '../transport/engine.js';
import { containerSpec } from './container-spec.js';
import { APP_LABEL, labelsOf } from './labels.js';
import type { PushDeps, PushJob } from './push-job.js';
import { planPushSync, type RemoteState, startScan } from './push-state.js';
import { replaceContainer, SETTLE_MS } from './replace-container.js';
import { commitRounds, stopOptions } from './sync-step.js';
import { restartContainer } from './stop-container.js';

const TAG_BACK_MS = 10_000;

/**
 * Builds the image while the old container runs on, puts a new container in its place, and brings into that one what the image
 * left out of the folder. The caller holds the app's lock.
 * @throws BuildError, or RdtError with exit code 6; either way the old container runs as before.
 */
export async function buildStep(job: PushJob, deps: PushDeps, remote: RemoteState): Promise<Container> {
  const { engine, signal, emit, clock } = deps;
  const { appName, source } = job.settings;
  const tag = `${appName}:latest`;
  const { imageId, contextPaths } = await buildImage(
    { source, tag, labels: labelsOf(appName), platform: deps.platform, clock, login: deps.login },
    await deps.builder(),
    (event) => emit({ type: 'build', event }),
    signal,
  );
  try {
    const container = await replaceContainer({
      engine,
      app: appName,
      spec: specFor(job, remote.container),
      previous: remote.container,
      graceMs: job.settings.stopGraceMs,
      clock,
      signal,
      prepare: (next) => fillBlindContainer(job, deps, next),
      started: async (next) => {
        emit({ type: 'starting', app: appName, settleMs: SETTLE_MS });
        await reconcile(job, deps, next, contextPaths);
      },
      rolledBack: (toPrevious) => emit({ type: 'rolled-back', app: appName, toPrevious }),
    });
    await removeSuperseded(deps, appName, imageId);
    return container;
  } catch (error) {
    await giveTagBack(deps, appName, remote, imageId);
    throw error;
  }
}

/** Volumes that the image asked for are handed on from container to container: what the app keeps there is its data. */
function specFor(job: PushJob, previous: Container | undefined): ContainerSpec {
  const spec = containerSpec(job.settings);
  const inherited = (previous?.mounts ?? [])
    .filter(({ volumeName }) => volumeName !== undefined && /^[0-9a-f]{64}$/.test(volumeName))
    .map(({ volumeName, destination }) => `${volumeName}:${destination}`);
  const { HostConfig } = spec;
  return { ...spec, HostConfig: { ...HostConfig, Binds: [...(HostConfig.Binds ?? []), ...inherited] } };
}

/** An image without a shell can never be asked what it holds: its container gets the whole folder before the first start. */
async function fillBlindContainer(job: PushJob, deps: PushDeps, next: Container): Promise<void> {
  const hasShell = (await deps.engine.statPath(next.id, '/bin/sh', deps.signal)) !== undefined;
  if (hasShell) return;
  const planned = await planPushSync(job, deps, next, undefined, startScan(job, deps));
  await commitRounds(job, deps, next, planned, true);
}

/** Asks the new container what the image has brought along, and adds the rest of the folder. */
async function reconcile(
  job: PushJob,
  deps: PushDeps,
  container: Container,
  contextPaths: ReadonlySet<string>,
): Promise<void> {
  const token = await readToken(deps.engine, container.id, job.settings.destination, deps.signal);
  const planned = await planPushSync(job, deps, container, token, startScan(job, deps));
  const outcome = await commitRounds(job, deps, container, planned, false);
  if (outcome.kind === 'needs-rebuild') {
    deps.emit({
      type: 'warning',
      message: `the folder cannot be kept in step with the container: ${outcome.reason}`,
    });
  }
  // What .dockerignore kept out of the image is nothing that the app was built to need.
  const isNews = planned.plan.uploads.some((path) => contextPaths.has(path));
  if (outcome.kind === 'committed' && isNews)
    await restartContainer(deps.engine, container, stopOptions(job, deps));
}

async function removeSuperseded({ engine, signal }: PushDeps, app: string, imageId: string): Promise<void> {
  const images = await engine.listImages(`${APP_LABEL}=${app}`, signal);
  for (const { id } of images) if (id !== imageId) await engine.removeImage(id, signal);
}

/** The name goes back to the image that the old container was made from; the new one goes, when nothing else holds it. */
async function giveTagBack(
  { engine }: PushDeps,
  app: string,
  { container, image }: RemoteState,
  failedId: string,
): Promise<void> {
  const signal = AbortSignal.timeout(TAG_BACK_MS);
  const oldId = container?.imageId ?? image?.id;
  if (oldId === undefined || oldId === failedId) return;
  await engine.tagImage(oldId, app, 'latest', signal);
  await engine.removeImage(failedId, signal);
}
