import { posix } from 'node:path';
import type { Container, Mount } from '../transport/engine.js';
import { type Deployment, type DeploymentStore, unknownDeployment } from './deployment.js';
import { holderOf, pathsOnSharedMounts } from './mounts.js';
import type { SyncPlan } from './sync-plan.js';
import { begunWith } from './trace.js';
import { entriesAt, type LocalTree } from './tree.js';

/** A container that is to take the place of another one, and may have mounts in common with it. */
export interface Succession {
  readonly store: DeploymentStore;
  readonly source: string;
  readonly destination: string;
  readonly predecessor: Container;
  readonly container: Container;
}

/**
 * What the new container is sent lies in the old one as well, where they share a mount. Should that one be put back, its next push has to ask
 * what is there, and delete of it what has gone from the folder by then: the old container's deployment says so afterwards. To be called before
 * anything is sent, since a process that is killed notes nothing.
 * @returns the mounts of both that the plan changes.
 */
export async function noteForPredecessor(
  succession: Succession,
  plan: SyncPlan,
  local: LocalTree,
): Promise<readonly Mount[]> {
  const { store, source, destination, predecessor, container } = succession;
  const shared = pathsOnSharedMounts(changedPaths(plan), container, predecessor, destination);
  if (shared.size === 0) return [];
  const noted = await store.load(predecessor.id);
  const before = noted ?? unknownDeployment(predecessor.id, source, destination);
  if (before.destination === destination) await store.saveNow(withSent(before, shared, plan, local));
  const mounts = Array.from(shared, (path) => holderOf(container, posix.join(destination, path)));
  return [...new Set(mounts)].filter((mount) => mount !== undefined);
}

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
