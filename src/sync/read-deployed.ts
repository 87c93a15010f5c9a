import { DIRTY } from './commit-stage.js';
import { type Deployed, type Deployment, isBack, type Marks, type Sent } from './deployment.js';
import { hasMounts, seenFrom, stageFolders, touchesTmpfs } from './mounts.js';
import type { SyncTarget } from './sync-container.js';
import { type LocalTree, type Tree, type TreeEntry, unknownEntry } from './tree.js';
import { verifyContainer } from './verify.js';

/** What is known before the container is asked. */
export interface Known {
  readonly marks: Marks;
  readonly stored: Deployment | undefined;
  /** As in `Deployed`. */
  readonly left: Tree;
  /** Ask it whatever the marks say. */
  readonly verify: boolean;
}

/**
 * What of the local tree the container holds already, plus what earlier pushes of ours left there. While the folder is scanned the container gets ready to be asked.
 */
export async function readDeployed(
  target: Omit<SyncTarget, 'store' | 'compress'>,
  scanning: Promise<LocalTree>,
  { marks, stored, left, verify }: Known,
): Promise<Deployed> {
  const { token } = marks;
  const { engine, destination, source, signal } = target;
  const container = seenFrom(target.container, destination, marks.place);
  const remembered = stored?.destination === destination ? stored : undefined;
  // A tmpfs may be empty by now, wherever the token is. What was sent from another folder, or from here before it was moved, is ours as well.
  const isKnown = remembered?.source === source && remembered.begun === undefined;
  const isSure = isKnown && !verify && !touchesTmpfs(container, destination);
  // What was sent when nobody knew of a link may have missed a mount behind it.
  const isPlaced = !hasMounts(container) || marks.place === (remembered?.place ?? destination);
  const isMarked = isPlaced && token === remembered?.token && marks.engineRun === remembered?.engineRun;
  if (remembered !== undefined && isSure && isMarked) {
    const { tree } = remembered;
    const { token: state } = remembered;
    return { tree, left, knowledge: 'token', remembered, marks, state, foreignToken: undefined };
  }
  // Of another destination of the same folder only the last token is remembered: the one that is there may be ours.
  const mayBeOurs = stored?.source === source && stored.destination !== destination;
  const isOurs = mayBeOurs || token === remembered?.token;
  const foreignToken = token === undefined || token === DIRTY || isOurs ? undefined : token;
  const canAsk = container.state.running && !container.state.restarting && remembered?.hasShell !== false;
  const { begun = [], gone = [] } = remembered ?? {};
  const others = [...new Set([...begun, ...gone].map(({ path }) => path))];
  const asking = canAsk
    ? verifyContainer({
        engine,
        container: container.id,
        source,
        folders: stageFolders(container, destination),
        scanning,
        others,
        signal,
      })
    : undefined;
  // Awaited below, when the scan has not failed.
  asking?.catch(() => undefined);
  const local = await scanning;
  const answer = await asking;
  const found = withoutApps(answer?.tree, remembered, local);
  const doubtful = (found === undefined ? begun : []).map(({ path, kind }): [string, TreeEntry] => [
    path,
    unknownEntry(kind),
  ]);
  const sent = new Map<string, TreeEntry>([...left, ...doubtful, ...(remembered?.tree ?? [])]);
  const vanished = entriesNotIn(sent, local);
  const tree = new Map(found === undefined ? vanished : [...found, ...withSent(vanished, found, begun)]);
  const knowledge = found === undefined ? 'none' : 'verified';
  return { tree, left, knowledge, remembered, marks, state: answer?.state ?? '', foreignToken };
}

/** A sync that was cut off may have put what it was sent in the place of what is remembered. */
function withSent(
  vanished: readonly [string, TreeEntry][],
  found: Tree,
  begun: readonly Sent[],
): readonly [string, TreeEntry][] {
  const sent = new Map(begun.map(({ path, kind }) => [path, kind]));
  return vanished.map(([path, entry]) => {
    const there = found.get(path);
    return [path, there !== undefined && there.kind === sent.get(path) ? there : entry];
  });
}

/** Without what is at a path where something of ours was deleted, and is nothing that we have had there lately. */
function withoutApps(
  found: Tree | undefined,
  remembered: Deployment | undefined,
  local: LocalTree,
): Tree | undefined {
  if (found === undefined || remembered?.gone === undefined) return found;
  const sent = new Set(remembered.begun?.map(({ path }) => path));
  const back = new Set<string>();
  for (const gone of remembered.gone) {
    const there = found.get(gone.path);
    if (there !== undefined && isBack(there, gone)) back.add(gone.path);
  }
  const ours = new Map(found);
  for (const { path } of remembered.gone) {
    const isOtherwiseOurs = local.has(path) || sent.has(path) || remembered.tree.has(path);
    if (!isOtherwiseOurs && !back.has(path)) ours.delete(path);
  }
  return ours;
}

function entriesNotIn(tree: Tree, other: LocalTree): [string, TreeEntry][] {
  return [...tree].filter(([path]) => !other.has(path));
}
