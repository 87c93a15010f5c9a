import { Readable } from 'node:stream';
import type { Engine } from '../transport/engine.js';
import { LIST_SCRIPT, runScript } from './container-script.js';
import type { LocalTree, Tree, TreeEntry } from './tree.js';

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;

/**
 * What the container holds at the paths of `tree`, by asking the container itself: paths that differ in no way the sync knows
 * are there with an equal entry. Links, and names that the container's tools would print escaped, are not asked for and so
 * count as missing: sending them again is cheaper than a doubt. Undefined when the container has no shell to ask.
 */
export async function verifyContainer(
  engine: Engine,
  container: string,
  destination: string,
  tree: LocalTree,
  signal: AbortSignal,
): Promise<Tree | undefined> {
  const paths = [...tree.keys()].filter((path) => !/[\n\\]/.test(path));
  const input = Readable.from([Buffer.from(paths.map((path) => `./${path}\0`).join(''))]);
  const result = await runScript(engine, container, LIST_SCRIPT, [destination], input, signal);
  return result.kind === 'done' ? parseListing(result.output, tree) : undefined;
}

/** Exported for its test: reads the output of `LIST_SCRIPT`. */
export function parseListing(output: string, local: LocalTree): Tree {
  const modes = new Map<string, number>();
  const hashes = new Map<string, string>();
  for (const line of output.split('\n')) {
    const stat = /^s ([0-9a-f]+) \.\/(.*)$/.exec(line);
    const hash = /^([0-9a-f]{64}) [ *]\.\/(.*)$/.exec(line);
    if (stat?.[1] !== undefined && stat[2] !== undefined) modes.set(stat[2], Number.parseInt(stat[1], 16));
    else if (hash?.[1] !== undefined && hash[2] !== undefined) hashes.set(hash[2], hash[1]);
  }
  const tree = new Map<string, TreeEntry>();
  for (const [path, rawMode] of modes) {
    const entry = entryOf(rawMode, hashes.get(path), local.get(path));
    if (entry !== undefined) tree.set(path, entry);
  }
  return tree;
}

function entryOf(
  rawMode: number,
  sha256: string | undefined,
  local: TreeEntry | undefined,
): TreeEntry | undefined {
  const mode = rawMode & 0o7777;
  if ((rawMode & FILE_TYPE) === DIRECTORY) return { kind: 'directory', mode };
  if ((rawMode & FILE_TYPE) === REGULAR && sha256 !== undefined) {
    return { kind: 'file', mode, sizeBytes: local?.kind === 'file' ? local.sizeBytes : 0, sha256 };
  }
  // Some other kind is in the way: name it as a link, so that a folder that is to be there is seen as a swap.
  return { kind: 'symlink', target: '' };
}
