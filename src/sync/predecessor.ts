import { posix } from 'node:path';
import type { Container, Engine, Mount } from '../transport/engine.js';
import { STATE_LINK } from './commit-stage.js';
import { type Deployment, type DeploymentStore, unknownDeployment } from './deployment.js';
import { markDirty } from './mark-dirty.js';
import { holderOf, pathsOnSharedMounts } from './mounts.js';
import type { SyncPlan } from './sync-plan.js';
import { begunWith } from './trace.js';
import { entriesAt, type LocalTree } from './tree.js';

/** A container that is to take the place of another one, and may have mounts in common with it. */
export interface Succession {
  readonly engine: Engine;
  readonly store: DeploymentStore;
  readonly source: string;
  readonly destination: string;
  readonly predecessor: Container;
  readonly container: Container;
  /** The predecessor's token has been taken from it. */
  readonly isMarked: boolean;
  readonly signal: AbortSignal;
}

const ROOT = { uid: 0, gid: 0 };

/**
 * What the new container is sent lies in the old one as well, where they share a mount. Should that one be put back, its next push has to ask
 * what is there, and delete of it what has gone from the folder by then: the old container's deployment says so afterwards, and to other computers
 * the container itself. To be called before anything is sent, since a process that is killed notes nothing.
 * @returns the mounts of both that the plan changes.
 */
export async function noteForPredecessor(
  succession: Succession,
  plan: SyncPlan,
  local: LocalTree,
): Promise<readonly Mount[]> {
  const { store, source, destination, predecessor, container, isMarked } = succession;
  const shared = pathsOnSharedMounts(changedPaths(plan), container, predecessor, destination);
  if (shared.size === 0) return [];
  const noted = await store.load(predecessor.id);
  const before = noted ?? unknownDeployment(predecessor.id, source, destination);
  if (before.destination === destination) await store.saveNow(withSent(before, shared, plan, local));
  if (!isMarked && !sharesState(succession))
    await markDirty({ ...succession, container: predecessor, owner: before.owner ?? ROOT });
  const mounts = Array.from(shared, (path) => holderOf(container, posix.join(destination, path)));
  return [...new Set(mounts)].filter((mount) => mount !== undefined);
}

/** Then what is sent brings a state of its own to both. */
const sharesState = ({ destination, predecessor, container }: Succession): boolean =>
  pathsOnSharedMounts([STATE_LINK], container, predecessor, destination).size > 0;

function changedPaths({ uploads, deletions, obstacles }: SyncPlan): string[] {
  return [...uploads, ...[...deletions, ...obstacles].map(({ path }) => path)];
}

/** Also without a new path: given at all, `begun` says that the container has to be asked. */
function withSent(
  before: Deployment,
  shared: ReadonlySet<string>,
  { uploads }: SyncPlan,
  local: LocalTree,
): Deployment {
  const sent = uploads.filter((path) => shared.has(path));
  return { ...before, begun: begunWith(before, entriesAt(local, sent)) };
}
