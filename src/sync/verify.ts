import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Engine } from '../transport/engine.js';
import { isNotRunning } from '../transport/engine-error.js';
import { LARGE_BYTES } from './blocks.js';
import { LIST_ODD_SCRIPT, LIST_SCRIPT, runScript } from './container-script.js';
import { plainHashOf } from './hash-file.js';
import { type LocalTree, parentsOf, type Tree, type TreeEntry } from './tree.js';

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
/** An old busybox writes times without a fraction, or without a zone. */
const STAT_LINE =
  /^s (?<mode>[0-9a-f]+) (?<seconds>-?\d+) [-\d]+ [:\d]+(?:\.(?<nanoseconds>\d{9}))?(?: [-+]\d{4})? \.\/(?<name>.*)$/;

/** Of what is in the container. */
interface Question {
  readonly engine: Engine;
  readonly container: string;
  readonly source: string;
  /** The destination, then others that may have a stage under way. */
  readonly folders: readonly string[];
  readonly scanning: Promise<LocalTree>;
  /** To be asked for besides those of the tree. */
  readonly others: readonly string[];
  readonly signal: AbortSignal;
}

interface Answer {
  readonly tree: Tree;
  /** Of the destination, before it was listed (`STATE`). */
  readonly state: string;
}

/** It has no shell, or none with the programs that are needed; or it has ended. */
export type Unanswered = 'no-shell' | 'ended';

/**
 * What the container holds at the paths of a tree and at some others, by asking the container itself: paths that differ in no way the
 * sync knows are there with an equal entry.
 */
export async function verifyContainer(question: Question): Promise<Answer | Unanswered> {
  const { scanning, source, signal } = question;
  const plain = await listPlain(question);
  if (isUnanswered(plain)) return plain;
  // Not beside the other: what is found has to be younger than the state that it is told with.
  const odd = await listOdd(question);
  if (isUnanswered(odd)) return odd;
  const tree = await sameLargeFiles(
    behindNoLink(new Map([...plain.tree, ...odd])),
    source,
    await scanning,
    signal,
  );
  return { tree, state: plain.state };
}

/** The container gets ready to be asked while the tree is scanned. */
async function listPlain(question: Question): Promise<Answer | Unanswered> {
  const { scanning, others } = question;
  async function* items(): AsyncGenerator<string> {
    for (const path of pathsOf(await scanning, others)) if (!isOdd(path)) yield `./${path}\0`;
  }
  const listed = await listing(question, LIST_SCRIPT, items());
  if (isUnanswered(listed)) return listed;
  const { output } = listed;
  const local = await scanning;
  const rest = new Set(others);
  // The target of a link may look like lines of the listing, and what is in it but not here would be deleted there.
  const asked = (name: string): string | undefined => (local.has(name) || rest.has(name) ? name : undefined);
  const [, state = ''] = /^state (.*)\n/.exec(output) ?? [];
  return { tree: parseListing(output, local, asked), state };
}

/** Most folders have none. */
async function listOdd(question: Question): Promise<Tree | Unanswered> {
  const local = await question.scanning;
  const paths = pathsOf(local, question.others).filter(isOdd);
  if (paths.length === 0) return new Map();
  const listed = await listing(
    question,
    LIST_ODD_SCRIPT,
    paths.map((path, at) => `${at}/./${path}\0`),
  );
  if (isUnanswered(listed)) return listed;
  return parseListing(listed.output, local, (number) => paths[Number(number)]);
}

/** The container's tools print these names escaped, or they are two lines, here or there. */
const isOdd = (path: string): boolean => /[\n\r\u2028\u2029\\]/.test(path);

const pathsOf = (local: LocalTree, others: readonly string[]): string[] => [
  ...local.keys(),
  ...others.filter((path) => !local.has(path)),
];

async function listing(
  { engine, container, folders, signal }: Question,
  script: string,
  items: Iterable<string> | AsyncIterable<string>,
): Promise<{ readonly output: string } | Unanswered> {
  const input = Readable.from(items);
  try {
    const result = await runScript(engine, container, script, folders, input, signal);
    if (result.kind === 'done') return result;
    return result.kind === 'no-shell' ? 'no-shell' : 'ended';
  } catch (error) {
    if (isNotRunning(error)) return 'ended';
    throw error;
  }
}

const isUnanswered = (answer: unknown): answer is Unanswered => answer === 'no-shell' || answer === 'ended';

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

/** Exported for its test: reads the output of one of the scripts. `pathOf` tells the path of a name in it, undefined when that was not asked for. */
export function parseListing(
  output: string,
  local: LocalTree,
  pathOf: (name: string) => string | undefined,
): Tree {
  const stats = new Map<string, Stat>();
  const hashes = new Map<string, string>();
  const targets = linkTargets(output);
  for (const line of output.split('\n')) {
    const stat = STAT_LINE.exec(line);
    const hash = /^([0-9a-f]{64}) [ *]\.\/(.*)$/.exec(line);
    if (stat?.groups !== undefined) {
      const { mode = '', seconds = '', nanoseconds = '000000000', name = '' } = stat.groups;
      stats.set(name, { mode: Number.parseInt(mode, 16), mtimeNs: BigInt(`${seconds}${nanoseconds}`) });
    } else if (hash?.[1] !== undefined && hash[2] !== undefined) hashes.set(hash[2], hash[1]);
  }
  const tree = new Map<string, TreeEntry>();
  for (const [name, stat] of stats) {
    const path = pathOf(name);
    if (path === undefined) continue;
    tree.set(path, entryOf(stat, hashes.get(name), targets.get(name), local.get(path)));
  }
  return tree;
}

/** What the container finds through a link is somewhere else, and the app's. */
function behindNoLink(tree: ReadonlyMap<string, TreeEntry>): Map<string, TreeEntry> {
  const isNoFolder = (path: string): boolean => (tree.get(path)?.kind ?? 'directory') !== 'directory';
  return new Map([...tree].filter(([path]) => ![...parentsOf(path)].some(isNoFolder)));
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
): TreeEntry {
  const mode = stat.mode & 0o7777;
  if ((stat.mode & FILE_TYPE) === DIRECTORY) return { kind: 'directory', mode };
  if ((stat.mode & FILE_TYPE) === REGULAR && sha256 !== undefined) {
    const sizeBytes = local?.kind === 'file' ? local.sizeBytes : 0;
    return { kind: 'file', mode, sizeBytes, sha256, leftMtimeNs: stat.mtimeNs };
  }
  // Some other kind is in the way: name it as a link, so that a folder that is to be there is seen as a swap.
  return { kind: 'symlink', target: target ?? '' };
}

/** Name -> target. */
function linkTargets(output: string): ReadonlyMap<string, string> {
  const links = output.matchAll(/^l \.\/(.*)\n(.*)\n\.$/gm);
  return new Map(Array.from(links, ([, name = '', target = '']) => [name, target]));
}
