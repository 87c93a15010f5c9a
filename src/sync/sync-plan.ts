import { differingPaths } from './layered-tree.js';
import { entriesAt, parentsOf, sameEntry, type Tree, type TreeEntry } from './tree.js';

/** A path to take away from the container: one that an earlier push of ours put there. */
export interface Deletion {
  readonly path: string;
  readonly kind: TreeEntry['kind'];
}

/** What one sync does, decided before anything is touched. */
export interface SyncPlan {
  /** Paths to create or replace; a folder comes before what is in it. */
  readonly uploads: readonly string[];
  /** Paths that vanish; what is in a folder comes before the folder. */
  readonly deletions: readonly Deletion[];
  /** Those deletions that must be done before the uploads, because another kind of entry takes their place. */
  readonly obstacles: readonly Deletion[];
  /** What has gone from the folder, and stays in the container and remembered, until somebody says what is to become of it. */
  readonly heldBack?: readonly Deletion[];
}

export interface SyncPlanInput {
  /** What the container holds of ours. */
  readonly deployed: Tree;
  readonly local: Tree;
  /** A path that is ignored now belongs to the container, even when an earlier push sent it. */
  readonly isIgnored: (path: string, isDirectory: boolean) => boolean;
}

/**
 * Pure: compares the two trees. Only what an earlier push sent is ever deleted (SYNC.md, section 8, rule 4).
 * Of trees that share their layers only the differences are looked at.
 */
export function planSync({ deployed, local, isIgnored }: SyncPlanInput): SyncPlan {
  const differing = differingPaths(deployed, local);
  const uploads: string[] = [];
  const obstacles: Deletion[] = [];
  for (const [path, entry] of differing === undefined ? local : entriesAt(local, differing)) {
    const there = deployed.get(path);
    if (there === entry || (there !== undefined && sameEntry(there, entry))) continue;
    uploads.push(path);
    if (there !== undefined && isSwap(there, entry)) obstacles.push({ path, kind: there.kind });
  }
  const swapped = new Set(obstacles.map(({ path }) => path));
  const deletions: Deletion[] = [];
  for (const [path, { kind }] of differing === undefined ? deployed : entriesAt(deployed, differing)) {
    if (local.has(path) || isIgnored(path, kind === 'directory')) continue;
    const blocks = [...parentsOf(path)].some((parent) => swapped.has(parent));
    (blocks ? obstacles : deletions).push({ path, kind });
  }
  return { uploads, deletions: deepestFirst(deletions), obstacles: deepestFirst(obstacles) };
}

export const isEmptyPlan = (plan: SyncPlan): boolean =>
  plan.uploads.length === 0 && plan.deletions.length === 0 && plan.obstacles.length === 0;

/** A folder takes another entry's place, or gives its place up; a file that replaces a link (or the reverse) is an ordinary upload. */
export const isSwap = (a: TreeEntry, b: TreeEntry): boolean =>
  (a.kind === 'directory') !== (b.kind === 'directory');

/** A path sorts behind every path below it. */
const deepestFirst = (deletions: Deletion[]): Deletion[] =>
  deletions.sort((a, b) => (a.path < b.path ? 1 : a.path > b.path ? -1 : 0));
