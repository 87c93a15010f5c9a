import { posix } from 'node:path';
import type { PathStat } from '../transport/engine.js';
import { ChangedMeanwhile, type Commit, FolderInTheWay } from './commit-request.js';
import { GO_MODE_DIRECTORY } from './destination.js';
import { holderOf } from './mounts.js';
import { unlessRefused } from './state-token.js';
import { parentOf, parentsOf, type TreeEntry } from './tree.js';

/** Questions on their way at the same moment. */
const AT_ONCE = 8;

/** How many questions `refuseFoldersInTheWay` asks at the least. */
export const fewestQuestions = (request: Commit): number =>
  request.deployed.knowledge === 'verified' ? 0 : doubtedPaths(request).first.length;

/**
 * Asks the engine about what is sent: it would take away a folder, with all that is in it, for a file or a link of that name, also one that the app has
 * put in the place of a file of ours. Below a folder that is not there either nothing can be in the way. Answers whether `most` questions were enough to know.
 * @throws RdtError when there is such a folder. Where the container was asked, it is in the plan.
 */
export async function refuseFoldersInTheWay(request: Commit, most: number): Promise<boolean> {
  if (request.deployed.knowledge === 'verified') return true;
  const { first, below } = doubtedPaths(request);
  let left = most;
  for (let paths = first; paths.length > 0; ) {
    left -= paths.length;
    if (left < 0) return false;
    const folders = await those(paths, request, isFolder);
    const inTheWay = folders.find((path) => request.local.get(path)?.kind !== 'directory');
    if (inTheWay !== undefined) throw new FolderInTheWay(request.destination, `./${inTheWay} is a folder`);
    paths = folders.flatMap((path) => below.get(path) ?? []);
  }
  return true;
}

/**
 * Those above what is sent that we know and the engine sees. An app that took one of ours away, or put something in its place, has taken what the folder
 * held: the engine would put a folder there again that has nothing but what is sent. Where the container was asked, or gets everything, that is in the plan.
 * @throws ChangedMeanwhile
 */
export async function foldersAbove(request: Commit): Promise<ReadonlySet<string>> {
  const { deployed, plan, container } = request;
  const parents = new Set(plan.uploads.flatMap((path) => [...parentsOf(path)]));
  const known = [...parents].filter((path) => deployed.tree.get(path)?.kind === 'directory');
  const folders = await those(known, request, isFolder);
  if (deployed.knowledge === 'token' && folders.length < known.length) throw new ChangedMeanwhile(container);
  return new Set(folders);
}

interface Doubted {
  /** Those in folders that are there. */
  readonly first: readonly string[];
  /** By the new folder that they are in. */
  readonly below: ReadonlyMap<string, readonly string[]>;
}

/** Files and links, and the new folders that lead to them. */
function doubtedPaths(request: Commit): Doubted {
  const first: string[] = [];
  const below = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const upload of request.plan.uploads) {
    if (!mayDestroy(upload, request)) continue;
    for (let path = upload; !seen.has(path); path = parentOf(path)) {
      seen.add(path);
      const parent = parentOf(path);
      const there = parent === '' ? 'directory' : knownAt(parent, request)?.kind;
      if (there === 'directory') first.push(path);
      if (there !== undefined) break;
      const siblings = below.get(parent);
      if (siblings === undefined) below.set(parent, [path]);
      else siblings.push(path);
    }
  }
  return { first, below };
}

/**
 * A container that has never run holds what its image holds, and what is mounted in it: of the image only links are doubted, which stand for folders
 * that are elsewhere, since the engine answers slowly for one that does not run.
 */
function mayDestroy(path: string, request: Commit): boolean {
  const { local, container, destination, unobserved } = request;
  const kind = local.get(path)?.kind;
  if (kind === 'directory') return false;
  return (
    !unobserved || kind === 'symlink' || holderOf(container, posix.join(destination, path)) !== undefined
  );
}

/** What we have put there, as far as we know. */
const knownAt = (path: string, { deployed: { tree, remembered } }: Commit): TreeEntry | undefined =>
  tree.get(path) ?? remembered?.tree.get(path);

/** Those of the paths that are there and are such. The engine says no to a path below what is no folder. */
async function those(
  paths: readonly string[],
  { engine, container, destination, signal }: Commit,
  isSuch: (stat: PathStat) => boolean,
): Promise<string[]> {
  const found = new Set<string>();
  const waiting = paths.values();
  const ask = async (): Promise<void> => {
    for (const path of waiting) {
      const asking = engine.statPath(container.id, posix.join(destination, path), signal);
      const stat = await unlessRefused(asking);
      if (stat !== undefined && isSuch(stat)) found.add(path);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, paths.length) }, ask));
  return paths.filter((path) => found.has(path));
}

const isFolder = ({ linkTarget, goMode }: PathStat): boolean =>
  linkTarget === '' && goMode >= GO_MODE_DIRECTORY;
