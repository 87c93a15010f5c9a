import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Engine } from '../transport/engine.js';
import { isNotRunning } from '../transport/engine-error.js';
import { LARGE_BYTES } from './blocks.js';
import { LIST_SCRIPT, runScript } from './container-script.js';
import { plainHashOf } from './hash-file.js';
import type { LocalTree, Tree, TreeEntry } from './tree.js';

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
/** An old busybox writes times without a fraction, or without a zone. */
const STAT_LINE =
  /^s (?<mode>[0-9a-f]+) (?<seconds>-?\d+) [-\d]+ [:\d]+(?:\.(?<nanoseconds>\d{9}))?(?: [-+]\d{4})? \.\/(?<path>.*)$/;

/**
 * What the container holds at the paths of a tree and at some others, by asking the container itself: paths that differ in no way the
 * sync knows are there with an equal entry. Names that cannot be asked for count as missing: sending them again is cheaper than a
 * doubt. Undefined when the container has no shell to ask, or has ended.
 */
export async function verifyContainer(
  engine: Engine,
  container: string,
  destination: string,
  source: string,
  scanning: Promise<LocalTree>,
  others: readonly string[],
  signal: AbortSignal,
): Promise<Tree | undefined> {
  const input = Readable.from(pathsOf(scanning, others));
  const asking = listing(engine, container, destination, input, signal);
  const [tree, output] = await Promise.all([scanning, asking]);
  if (output === undefined) return undefined;
  return sameLargeFiles(parseListing(output, tree, new Set(others)), source, tree, signal);
}

/** False for names that the container's tools would print escaped. */
export const canBeAskedFor = (path: string): boolean => !/[\n\\]/.test(path);

async function* pathsOf(scanning: Promise<LocalTree>, others: readonly string[]): AsyncGenerator<Buffer> {
  const tree = await scanning;
  const paths = [...tree.keys(), ...others.filter((path) => !tree.has(path))].filter(canBeAskedFor);
  yield Buffer.from(paths.map((path) => `./${path}\0`).join(''));
}

async function listing(
  engine: Engine,
  container: string,
  destination: string,
  input: Readable,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const result = await runScript(engine, container, LIST_SCRIPT, [destination], input, signal);
    return result.kind === 'done' ? result.output : undefined;
  } catch (error) {
    if (isNotRunning(error)) return undefined;
    throw error;
  }
}

/** The container tells the hash of a large file's bytes, the tree that of its blocks: the file is read once more to compare them. */
async function sameLargeFiles(
  found: ReadonlyMap<string, TreeEntry>,
  source: string,
  tree: LocalTree,
  signal: AbortSignal,
): Promise<Tree> {
  const compared = new Map(found);
  for (const [path, there] of found) {
    const local = tree.get(path);
    if (there.kind !== 'file' || local?.kind !== 'file' || local.sizeBytes <= LARGE_BYTES) continue;
    const plain = await plainHashOf(join(source, path), local.sha256, signal);
    if (there.sha256 === plain) compared.set(path, { ...there, sha256: local.sha256 });
  }
  return compared;
}

/** Exported for its test: reads the output of `LIST_SCRIPT`. */
export function parseListing(
  output: string,
  local: LocalTree,
  others: ReadonlySet<string> = new Set(),
): Tree {
  const stats = new Map<string, Stat>();
  const hashes = new Map<string, string>();
  const targets = linkTargets(output);
  for (const line of output.split('\n')) {
    const stat = STAT_LINE.exec(line);
    const hash = /^([0-9a-f]{64}) [ *]\.\/(.*)$/.exec(line);
    if (stat?.groups !== undefined) {
      const { mode = '', seconds = '', nanoseconds = '000000000', path = '' } = stat.groups;
      stats.set(path, { mode: Number.parseInt(mode, 16), mtimeNs: BigInt(`${seconds}${nanoseconds}`) });
    } else if (hash?.[1] !== undefined && hash[2] !== undefined) hashes.set(hash[2], hash[1]);
  }
  const tree = new Map<string, TreeEntry>();
  for (const [path, stat] of stats) {
    // The target of a link may look like lines of the listing, and what is in it but not here would be deleted there.
    if (!local.has(path) && !others.has(path)) continue;
    const entry = entryOf(stat, hashes.get(path), targets.get(path), local.get(path));
    if (entry !== undefined) tree.set(path, entry);
  }
  return tree;
}

interface Stat {
  /** With the bits of the kind. */
  readonly mode: number;
  readonly mtimeNs: bigint;
}

function entryOf(
  stat: Stat,
  sha256: string | undefined,
  target: string | undefined,
  local: TreeEntry | undefined,
): TreeEntry | undefined {
  const mode = stat.mode & 0o7777;
  if ((stat.mode & FILE_TYPE) === DIRECTORY) return { kind: 'directory', mode };
  if ((stat.mode & FILE_TYPE) === REGULAR && sha256 !== undefined) {
    const sizeBytes = local?.kind === 'file' ? local.sizeBytes : 0;
    return { kind: 'file', mode, sizeBytes, sha256, leftMtimeNs: stat.mtimeNs };
  }
  // Some other kind is in the way: name it as a link, so that a folder that is to be there is seen as a swap.
  return { kind: 'symlink', target: target ?? '' };
}

/** Path -> target. */
function linkTargets(output: string): ReadonlyMap<string, string> {
  const links = output.matchAll(/^l \.\/(.*)\n(.*)\n\.$/gm);
  return new Map(Array.from(links, ([, path = '', target = '']) => [path, target]));
}
