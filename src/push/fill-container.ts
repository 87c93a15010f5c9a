import { posix } from 'node:path';
import type { Deployment, Marks } from '../sync/deployment.js';
import { onRoot, seenFrom } from '../sync/mounts.js';
import { noteForPredecessor } from '../sync/predecessor.js';
import { readMarks, unlessRefused } from '../sync/state-token.js';
import type { Deletion } from '../sync/sync-plan.js';
import { type Tree, unknownEntry } from '../sync/tree.js';
import type { Container } from '../transport/engine.js';
import { named } from '../named.js';
import type { PushDeps, PushJob } from './push-job.js';
import { type PlannedSync, planPushSync, startScan } from './push-state.js';
import { refuseMassDeletion } from './mass-deletion.js';
import { refusePlan } from './refuse-plan.js';
import { commitRounds, type RoundsOptions, type RoundsOutcome } from './sync-step.js';
import type { OldApp } from './undo-build.js';

/** Each is a request to the engine. */
const MOST_QUESTIONS = 50;
const NO_SHELL = 'the container has no shell to delete files';

export interface NewContainer {
  readonly container: Container;
  /** What its image was made of. */
  readonly context: Tree;
  readonly old: OldApp;
}

/**
 * An image without a shell can never be asked what it holds: its container gets the whole folder before the first start. What has gone from
 * the folder stays in it.
 * @returns what the next push has to build again for.
 * @throws RdtError as `reconcile`.
 */
export async function fillBlindContainer(
  job: PushJob,
  deps: PushDeps,
  next: NewContainer,
  { engineRun }: Marks,
): Promise<readonly Deletion[]> {
  const { container } = next;
  const hasShell = (await deps.engine.statPath(container.id, '/bin/sh', deps.signal)) !== undefined;
  if (hasShell) return [];
  const planned = await planInherited(job, deps, next, { token: undefined, engineRun });
  refuseMassDeletion(job, planned);
  const { uploads, left } = withoutDeletions(planned);
  await refuseOrNote(job, deps, next, uploads);
  await commitRounds(job, deps, container, uploads, roundsOptions(job, deps, next, true));
  return deletionsLeft(job, deps, container, planned, left);
}

/** Those that another image mends; what stays in a volume, whatever is built, is told. */
async function deletionsLeft(
  job: PushJob,
  deps: PushDeps,
  container: Container,
  { deployed }: PlannedSync,
  left: readonly Deletion[],
): Promise<readonly Deletion[]> {
  const { destination } = job.settings;
  const there = await stillThere(deps, container, destination, left);
  const tree = new Map(there.map(({ path, kind }) => [path, unknownEntry(kind)]));
  const mendable = onRoot(tree, seenFrom(container, destination, deployed.marks.place), destination);
  const kept = there.map(({ path }) => path).filter((path) => !mendable.has(path));
  if (kept.length > 0) {
    const message = `${NO_SHELL}, and a volume keeps what has gone from the folder: ${named(kept)}`;
    deps.emit({ type: 'warning', message });
  }
  return there.filter(({ path }) => mendable.has(path));
}

/** Not all that an image was made of is in it. */
async function stillThere(
  { engine, signal }: PushDeps,
  { id }: Container,
  destination: string,
  deletions: readonly Deletion[],
): Promise<readonly Deletion[]> {
  if (deletions.length > MOST_QUESTIONS) return deletions;
  const stats = await Promise.all(
    deletions.map(({ path }) => unlessRefused(engine.statPath(id, posix.join(destination, path), signal))),
  );
  return deletions.filter((_, at) => stats[at] !== undefined);
}

/**
 * Asks the new container what the image has brought along, adds the rest of the folder, and takes away what went from it during the build.
 * True when the app must be told.
 * @param owed as `fillBlindContainer` has answered.
 * @throws RdtError when most of the folder went during the build, or is to go from a volume that the old container had as well: a mistake
 * is as likely as in a sync. What went before the build and lay in the old container only is no deletion, so an ordinary build has none.
 */
export async function reconcile(
  job: PushJob,
  deps: PushDeps,
  next: NewContainer,
  owed: readonly Deletion[],
): Promise<boolean> {
  const { container, context } = next;
  const planned = await planFilling(job, deps, next);
  const outcome = await commitOrOweDeletions(job, deps, next, planned);
  if (outcome.kind === 'needs-rebuild') {
    deps.emit({
      type: 'warning',
      message: `the folder cannot be kept in step with the container: ${outcome.reason}`,
    });
  }
  await owe(deps, container, owed, NO_SHELL);
  // An app that has ended already could not be asked what it lacked: it ran with what it was built from.
  if (outcome.kind !== 'committed' || planned.deployed.knowledge === 'none') return false;
  // What .dockerignore kept out of the image is nothing that the app was built to need.
  return planned.plan.uploads.some((path) => context.has(path));
}

/** An app may crash for want of the very files that it is sent: it gets them also where it does not live long enough to delete, and what has to go is left to the next push. */
async function commitOrOweDeletions(
  job: PushJob,
  deps: PushDeps,
  next: NewContainer,
  planned: PlannedSync,
): Promise<RoundsOutcome> {
  const { container } = next;
  const options = roundsOptions(job, deps, next, false);
  const outcome = await commitRounds(job, deps, container, planned, options);
  const { uploads, left } = withoutDeletions(planned);
  if (outcome.kind !== 'needs-rebuild' || left.length === 0) return outcome;
  const sent = await commitRounds(job, deps, container, uploads, options);
  if (sent.kind !== 'needs-rebuild') await owe(deps, container, left, outcome.reason);
  return sent;
}

/** Leaves deletions to the next push. */
async function owe(
  { store, emit }: PushDeps,
  { id }: Container,
  deletions: readonly Deletion[],
  reason: string,
): Promise<void> {
  if (deletions.length === 0) return;
  const noted = await store.load(id);
  if (noted !== undefined) await store.save(owing(noted, deletions));
  const paths = deletions.map(({ path }) => path);
  emit({ type: 'warning', message: `the next push has to delete ${named(paths)}: ${reason}` });
}

const owing = (noted: Deployment, deletions: readonly Deletion[]): Deployment => ({
  ...noted,
  begun: [...(noted.begun ?? []), ...deletions],
});

/** What can be done where nobody can delete, and the deletions that are `left`: also folders that are to make way, whose places nothing can take. */
function withoutDeletions(planned: PlannedSync): {
  readonly uploads: PlannedSync;
  readonly left: readonly Deletion[];
} {
  const { uploads, deletions, obstacles } = planned.plan;
  const staying = obstacles.filter(({ path, kind }) => kind === 'directory' || !uploads.includes(path));
  const isTaken = new Set(staying.map(({ path }) => path));
  const plan = {
    uploads: uploads.filter((path) => !isTaken.has(path)),
    deletions: [],
    obstacles: obstacles.filter((each) => !staying.includes(each)),
  };
  return { uploads: { ...planned, plan }, left: [...deletions, ...staying] };
}

const roundsOptions = (
  job: PushJob,
  deps: PushDeps,
  next: NewContainer,
  unobserved: boolean,
): RoundsOptions => ({
  unobserved,
  due: undefined,
  planAgain: () => planFilling(job, deps, next),
});

/** @throws RdtError as `refuseOrNote`. */
async function planFilling(job: PushJob, deps: PushDeps, next: NewContainer): Promise<PlannedSync> {
  const marks = await readMarks(deps.engine, next.container.id, job.settings.destination, deps.signal);
  const planned = await planInherited(job, deps, next, marks);
  await refuseOrNote(job, deps, next, planned);
  return planned;
}

const planInherited = (
  job: PushJob,
  deps: PushDeps,
  { container, context, old }: NewContainer,
  marks: Marks,
): Promise<PlannedSync> =>
  planPushSync(job, deps, container, marks, startScan(job, deps), { predecessor: old.container, context });

/**
 * Before anything is sent to a new container: what is refused is not noted, since it is not sent.
 * @throws RdtError as `refusePlan`.
 */
async function refuseOrNote(
  job: PushJob,
  { engine, store, signal }: PushDeps,
  { container: next, old }: NewContainer,
  planned: PlannedSync,
): Promise<void> {
  const { source, destination } = job.settings;
  const { plan, local, deployed } = planned;
  const container = seenFrom(next, destination, deployed.marks.place);
  refusePlan(job, next, planned);
  if (old.container === undefined) return;
  const { container: predecessor, changedVolumes } = old;
  const isMarked = changedVolumes.size > 0;
  const succession = { engine, store, source, destination, predecessor, container, isMarked, signal };
  for (const mount of await noteForPredecessor(succession, plan, local.tree))
    changedVolumes.add(mount.volumeName ?? mount.source);
}
