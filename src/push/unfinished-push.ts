import type { ContainerState, ContainerSummary, Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { tellOfUnusedVolumes } from './anonymous-volumes.js';
import { containerNamed } from './container-named.js';
import { markReplacing, releaseImage } from './held-image.js';
import { APP_LABEL, isDiscarded, isOurContainer, nextName, previousName } from './labels.js';
import type { HeldDeps } from './push-job.js';
import { replacedRestart, wantedRestart } from './restart-aside.js';
import { removeSuperseded } from './superseded-image.js';
import { type RollBack, rollBack } from './roll-back.js';

/** True while a push replaces the app's container, and ever after when that push was killed. */
export async function isUnfinished(engine: Engine, app: string, signal: AbortSignal): Promise<boolean> {
  const containers = await containersOf(engine, app, signal);
  return containers.some(({ name }) => isBegun(name, app) || isDiscarded(name, app));
}

const isBegun = (name: string, app: string): boolean => name === nextName(app) || name === previousName(app);

async function containersOf(engine: Engine, app: string, signal: AbortSignal): Promise<ContainerSummary[]> {
  const labelled = await engine.listContainers({ all: true, label: `${APP_LABEL}=${app}` }, signal);
  return labelled.filter((container) => isOurContainer(container, app));
}

/**
 * Takes back what a killed push had begun: a new container that did not prove itself goes, and the old one runs again. Only for
 * the holder of the app's lock, since a push that is still at work looks the same.
 */
export async function takeBackUnfinished(deps: HeldDeps, app: string): Promise<void> {
  const { engine, emit, lost } = deps;
  const containers = await containersOf(engine, app, lost);
  if (containers.some(({ name }) => isBegun(name, app))) {
    emit({ type: 'warning', message: `an earlier push of ${app} was cut off; what it began is taken back` });
    await takeBackWithRoom(deps, app);
  }
  await removeReplaced(deps, app);
}

/** The app runs before anything is removed, unless the engine has no room for that. */
async function takeBackWithRoom(deps: HeldDeps, app: string): Promise<void> {
  try {
    await takeBack(deps, app);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    await removeReplaced(deps, app);
    await takeBack(deps, app);
  }
}

async function takeBack(deps: HeldDeps, app: string): Promise<void> {
  const { engine, emit, lost } = deps;
  const previous = await previousOf(deps, app);
  await rollBack({ engine, app, previous, watched: undefined, emit, signal: lost });
}

/** The old container, aside or not yet, which the killed push may have stopped: the engine does not start it again, since that was asked for. */
async function previousOf({ engine, lost }: HeldDeps, app: string): Promise<RollBack['previous']> {
  const names = [app, nextName(app), previousName(app)];
  const found = await Promise.all(names.map((name) => containerNamed(engine, name, lost)));
  const [named, next, aside] = found.map((container) =>
    container !== undefined && isOurContainer(container, app) ? container : undefined,
  );
  const old = aside ?? named;
  const created = next ?? (aside === undefined ? undefined : named);
  if (old === undefined) return undefined;
  const hasEnded = created === undefined ? aside !== undefined : hasEndedSince(created.createdAt, old.state);
  const restartPolicy = (created && aside && replacedRestart(created)) ?? wantedRestart(old);
  return { id: old.id, wasStopped: old.state.running || hasEnded, restartPolicy };
}

/** One that had ended before was not stopped by that push. When the times cannot tell, it is thought to have run. */
const hasEndedSince = (time: string, { finishedAt }: ContainerState): boolean =>
  finishedAt !== undefined && !(Date.parse(finishedAt) < Date.parse(time));

/** The app's image has taken the place of others: what is left of them goes. @param imageIds of those that no container may be made from. */
export async function removeReplaced(
  deps: HeldDeps,
  app: string,
  imageIds: readonly string[] = [],
): Promise<void> {
  const containers = await containersOf(deps.engine, app, deps.lost);
  const discarded = containers.filter(({ name }) => isDiscarded(name, app));
  if (discarded.length + imageIds.length > 0) await markReplacing(deps, app);
  const removals = [
    removeDiscarded(deps, app, discarded),
    ...imageIds.map((id) => removeSuperseded(deps, app, id, deps.lost)),
  ];
  // Each is over before anything is told.
  await Promise.allSettled(removals);
  await Promise.all(removals);
  await releaseImage(deps, app, deps.lost);
}

/** With their images, but not their volumes, which hold the app's data. Engines of the devices' days often could not remove a container at once: "device or resource busy". The next push tries again. */
async function removeDiscarded(
  deps: HeldDeps,
  app: string,
  discarded: readonly ContainerSummary[],
): Promise<void> {
  const { engine, emit, lost } = deps;
  for (const { id, name } of discarded) {
    try {
      const container = await engine.inspectContainer(id, lost);
      if (container === undefined) continue;
      await tellOfUnusedVolumes(deps, app, container, lost);
      await engine.removeContainer(id, { removeAnonymousVolumes: false }, lost);
      await removeSuperseded(deps, app, container.imageId, lost);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      emit({ type: 'warning', message: `the old container ${name} could not be removed: ${error.message}` });
    }
  }
}
