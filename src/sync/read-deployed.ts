import { DIRTY } from './commit-stage.js';
import type { Deployed, Deployment, Gone, Marks, Sent } from './deployment.js';
import { hasMounts, seenFrom, stageFolders, touchesTmpfs } from './mounts.js';
import type { SyncTarget } from './sync-container.js';
import { isSwap } from './sync-plan.js';
import { isSent, pathsBack } from './trace.js';
import { type LocalTree, type Tree, type TreeEntry, unknownEntry } from './tree.js';
import { verifyContainer } from './verify.js';

/** What is known before the container is asked. */
export interface Known {
  readonly marks: Marks;
  readonly stored: Deployment | undefined;
  /** As in `Deployed`. */
  readonly left: Tree;
  /** What syncs that were cut off may have left there through another container. */
  readonly leftByBegun: readonly Sent[];
  /** Ask it whatever the marks say. */
  readonly verify: boolean;
}

/**
 * What of the local tree the container holds already, plus what earlier pushes of ours left there. While the folder is scanned the container gets ready to be asked.
 */
export async function readDeployed(
  target: Omit<SyncTarget, 'store' | 'compress'>,
  scanning: Promise<LocalTree>,
  { marks, stored, left: surelyLeft, leftByBegun, verify }: Known,
): Promise<Deployed> {
  const { token } = marks;
  const { destination, source } = target;
  const container = seenFrom(target.container, destination, marks.place);
  const remembered = stored?.destination === destination ? stored : undefined;
  // A tmpfs may be empty by now, wherever the token is. What was sent from another folder, or from here before it was moved, is ours as well.
  const isKnown = remembered?.source === source && remembered.begun === undefined;
  const isSure = isKnown && !verify && !touchesTmpfs(container, destination);
  // What was sent when nobody knew of a link may have missed a mount behind it.
  const isPlaced = !hasMounts(container) || marks.place === (remembered?.place ?? destination);
  const isMarked = isPlaced && token === remembered?.token && marks.engineRun === remembered?.engineRun;
  if (remembered !== undefined && isSure && isMarked) {
    const { tree, token: state } = remembered;
    const common = { remembered, marks, state, foreignToken: undefined };
    return { ...common, tree, left: surelyLeft, unsettled: [], knowledge: 'token' };
  }
  // Of another destination of the same folder only the last token is remembered: the one that is there may be ours.
  const mayBeOurs = stored?.source === source && stored.destination !== destination;
  const isOurs = mayBeOurs || token === remembered?.token;
  const foreignToken = token === undefined || token === DIRTY || isOurs ? undefined : token;
  const canAsk = container.state.running && !container.state.restarting && remembered?.hasShell !== false;
  const { begun = [] } = remembered ?? {};
  // Nothing is back as long as the engine has not been started again.
  const isSameRun = marks.engineRun !== undefined && marks.engineRun === remembered?.engineRun;
  const gone = isSameRun ? [] : (remembered?.gone ?? []);
  const others = [...new Set([...begun, ...leftByBegun, ...gone].map(({ path }) => path))];
  const asking = canAsk
    ? verifyContainer({
        ...target,
        container: container.id,
        folders: stageFolders(container, destination),
        scanning,
        others,
      })
    : undefined;
  // Awaited below, when the scan has not failed.
  asking?.catch(() => undefined);
  const local = await scanning;
  const answered = await asking;
  const answer = typeof answered === 'string' ? undefined : answered;
  const left = new Map([...broughtBy(leftByBegun, answer?.tree), ...surelyLeft]);
  const common = { left, remembered, marks, state: answer?.state ?? '', foreignToken };
  const isBlind = remembered?.hasShell === false || answered === 'no-shell';
  if (answer === undefined)
    return { ...common, ...guessed({ left, remembered, isBlind }, local), knowledge: 'none' };
  const sure = [local, left, remembered?.tree ?? left];
  const found = withoutApps(answer.tree, sure, { begun: [...begun, ...leftByBegun], gone });
  const vanished = entriesNotIn(new Map<string, TreeEntry>([...left, ...(remembered?.tree ?? [])]), local);
  const tree = new Map([...found, ...withSent(vanished, found, begun)]);
  return { ...common, tree, unsettled: [], knowledge: 'verified' };
}

/**
 * Of a container that does not answer: what goes, and what gives its place up. Of one that never will, all that may have arrived is taken to be there.
 * One that can be asked another time is, since it may be the app's as well.
 */
function guessed(
  { left, remembered, isBlind }: Pick<Deployed, 'left' | 'remembered'> & { readonly isBlind: boolean },
  local: LocalTree,
): Pick<Deployed, 'tree' | 'unsettled'> {
  const { begun = [] } = remembered ?? {};
  const isUnsettled = ({ path, traces }: Sent): boolean =>
    !isBlind && traces !== undefined && !local.has(path);
  const doubtful = broughtBy(
    begun.filter((each) => !isUnsettled(each)),
    undefined,
  );
  const sent = new Map<string, TreeEntry>([...left, ...doubtful, ...(remembered?.tree ?? [])]);
  return { tree: new Map(entriesInTheWay(sent, local)), unsettled: begun.filter(isUnsettled) };
}

/** What syncs that were cut off have brought of what was found. Where nobody could ask, no more than its kind is known of what they may have brought. */
function broughtBy(begun: readonly Sent[], found: Tree | undefined): readonly [string, TreeEntry][] {
  return begun.flatMap((sent): [string, TreeEntry][] => {
    if (found === undefined) return [[sent.path, unknownEntry(sent.kind)]];
    const there = found.get(sent.path);
    return there !== undefined && isSent(there, sent) ? [[sent.path, there]] : [];
  });
}

/** A sync that was cut off may have put what it was sent in the place of what is remembered. */
function withSent(
  vanished: readonly [string, TreeEntry][],
  found: Tree,
  begun: readonly Sent[],
): readonly [string, TreeEntry][] {
  const brought = new Map(broughtBy(begun, found));
  return vanished.map(([path, entry]) => [path, brought.get(path) ?? entry]);
}

/** Without what is at a path that is in none of the trees which are surely ours, and is nothing that a sync which was cut off has brought, or that we have had there lately. */
function withoutApps(
  found: Tree,
  sure: readonly Tree[],
  { begun, gone }: { readonly begun: readonly Sent[]; readonly gone: readonly Gone[] },
): Tree {
  const brought = broughtBy(begun, found).map(([path]) => path);
  const ours = new Set([...brought, ...pathsBack(gone, found)]);
  const known = new Map(found);
  for (const { path } of [...begun, ...gone])
    if (!ours.has(path) && !sure.some((tree) => tree.has(path))) known.delete(path);
  return known;
}

/** What has gone, and what gives its place up. */
function entriesInTheWay(tree: Tree, local: LocalTree): [string, TreeEntry][] {
  return [...tree].filter(([path, entry]) => {
    const now = local.get(path);
    return now === undefined || isSwap(entry, now);
  });
}

function entriesNotIn(tree: Tree, other: LocalTree): [string, TreeEntry][] {
  return [...tree].filter(([path]) => !other.has(path));
}
