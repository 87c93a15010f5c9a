import type { PackedFiles } from './commit-archive.js';
import { type Deployed, withoutRacyStamp } from './deployment.js';
import { differingPaths, withChanges } from './layered-tree.js';
import { isSwap, type SyncPlan } from './sync-plan.js';
import { isSent } from './trace.js';
import { type LocalEntry, type LocalTree, NEVER, sameEntry, type TreeEntry, unknownEntry } from './tree.js';

interface DeployedNow {
  readonly local: LocalTree;
  readonly plan: Pick<SyncPlan, 'heldBack'>;
  /** As in `SyncOptions`. */
  readonly scannedAtMs: number;
  readonly deployed: Pick<Deployed, 'tree' | 'left' | 'knowledge' | 'remembered'>;
}

/** What the container holds now: the folder as it was sent, for files that were not at rest what was there before, and what is held back. */
export function deployedTree(
  { local, plan, deployed, scannedAtMs }: DeployedNow,
  { sent, changing }: PackedFiles,
): LocalTree {
  const unsent = new Set(changing);
  const changes = new Map<string, LocalEntry | undefined>();
  for (const [path, entry] of entriesToLookAt(local, deployed)) {
    const there = unsent.has(path)
      ? leftAt(path, deployed, entry)
      : (sent.get(path) ?? untouched(entry, deployed.tree.get(path)));
    const now = there === undefined ? undefined : withoutRacyStamp(there, scannedAtMs);
    if (now !== entry) changes.set(path, now);
  }
  // A folder before what is in it: what goes is in the opposite order.
  for (const { path } of plan.heldBack?.toReversed() ?? []) changes.set(path, oursAt(path, deployed));
  return withChanges(local, changes);
}

/** What could not be sent has not taken anything's place, but what was in its way is gone. */
function leftAt(path: string, deployed: DeployedNow['deployed'], unsent: LocalEntry): LocalEntry | undefined {
  const before = oursAt(path, deployed);
  return before === undefined || isSwap(before, unsent) ? undefined : before;
}

/** What pushes of ours have left at a path, one that was cut off or is not the last one too. What the app has put there is its own. */
function oursAt(
  path: string,
  { tree, left, knowledge, remembered }: DeployedNow['deployed'],
): LocalEntry | undefined {
  const before = remembered?.tree.get(path);
  const begun = remembered?.begun?.find((sent) => sent.path === path);
  const sure = [before, left.get(path)].flatMap((sent) => sent?.kind ?? []);
  if (knowledge === 'none') {
    const [kind = begun?.kind] = sure;
    return kind === undefined ? undefined : { ...unknownEntry(kind), stamp: NEVER };
  }
  const there = tree.get(path);
  if (there === undefined) return undefined;
  const isOurs = sure.includes(there.kind) || (begun !== undefined && isSent(there, begun));
  if (!isOurs) return undefined;
  return before !== undefined && sameEntry(there, before) ? before : { ...there, stamp: NEVER };
}

/** What was remembered with this very entry was not young then, and is not now. */
function entriesToLookAt(
  local: LocalTree,
  { tree, remembered }: DeployedNow['deployed'],
): Iterable<[string, LocalEntry]> {
  const differing = tree === remembered?.tree ? differingPaths(tree, local) : undefined;
  if (differing === undefined) return local;
  return differing.flatMap((path): [string, LocalEntry][] => {
    const entry = local.get(path);
    return entry === undefined ? [] : [[path, entry]];
  });
}

/** A large file that was not sent has the time that it had; a patch of it has to know that one. */
function untouched(entry: LocalEntry, there: TreeEntry | undefined): LocalEntry {
  if (entry.kind !== 'file' || entry.blocks === undefined) return entry;
  return { ...entry, leftMtimeNs: there?.kind === 'file' ? there.leftMtimeNs : undefined };
}
