import { LARGE_BYTES } from './blocks.js';
import type { Deployment, Gone, Sent } from './deployment.js';
import { tarTimeNs } from './tar-writer.js';
import { type LocalEntry, parentsOf, type Tree, type TreeEntry } from './tree.js';

/** Of what was at a path until it was deleted or replaced; undefined for what could not be told from the app's own if it were back. */
export function goneFrom(path: string, entry: TreeEntry | LocalEntry, atMs: number): Gone | undefined {
  if (entry.kind === 'symlink') return undefined;
  const timeNs = entry.kind === 'file' ? timeInContainer(entry) : undefined;
  const emptied = timeNs === undefined ? undefined : emptiedTrace(timeNs);
  return { path, trace: traceOf(entry), emptied, atMs };
}

/**
 * What of all that was deleted is there again after the device has lost its power. A link, or a folder that may be empty, could as well be the app's:
 * the clock of the device, by which its time is, need not be right. So a folder is back with something in it that is.
 */
export function pathsBack(gone: readonly Gone[], found: Tree): ReadonlySet<string> {
  const isFolder = (path: string): boolean => found.get(path)?.kind === 'directory';
  const folders = new Set(
    gone.filter(({ path, trace }) => trace === '' && isFolder(path)).map(({ path }) => path),
  );
  const back = new Set<string>();
  for (const each of gone) {
    const there = found.get(each.path);
    if (there === undefined || !isBack(there, each)) continue;
    back.add(each.path);
    for (const parent of parentsOf(each.path)) if (folders.has(parent)) back.add(parent);
  }
  return back;
}

/** As it was, or emptied. What was written since it was deleted is the app's, whatever is in it. */
function isBack(there: TreeEntry, { trace, emptied, atMs }: Gone): boolean {
  if (there.kind !== 'file') return false;
  if (there.leftMtimeNs !== undefined && there.leftMtimeNs / 1_000_000n > atMs) return false;
  return hasTrace(there, trace) || (emptied !== undefined && hasTrace(there, emptied));
}

/** Whether a sync that was cut off has brought what is `there` now. */
export const isSent = (there: TreeEntry, { kind, traces }: Sent): boolean =>
  traces === undefined ? there.kind === kind : traces.some((trace) => hasTrace(there, trace));

/** What a sync that sends these may bring, where nobody hears of its end: `begun` of that deployment, which is given as it is when there is nothing new. */
export function begunWith(
  { tree, begun = NOTHING }: Pick<Deployment, 'tree' | 'begun'>,
  uploads: Iterable<readonly [string, LocalEntry]>,
): readonly Sent[] {
  const sent = new Map(begun.map((each) => [each.path, each]));
  let isNews = false;
  for (const [path, entry] of uploads) {
    const before = sent.get(path);
    if (before === undefined && tree.get(path)?.kind === entry.kind) continue;
    const now = sentAs(path, entry, before);
    isNews ||= now !== before;
    sent.set(path, now);
  }
  return isNews ? [...sent.values()] : begun;
}

const NOTHING: readonly Sent[] = [];

/** Of a path that syncs were cut off at again and again, each may have come to its end. */
function sentAs(path: string, entry: LocalEntry, before: Sent | undefined): Sent {
  const { kind } = entry;
  if (before === undefined) return { path, kind, traces: tracesOfSent(entry) };
  if (before.traces === undefined) return before.kind === kind ? before : { path, kind };
  const traces = [...new Set([...before.traces, ...tracesOfSent(entry)])];
  return traces.length === before.traces.length && before.kind === kind ? before : { path, kind, traces };
}

function tracesOfSent(entry: LocalEntry): readonly string[] {
  if (entry.kind !== 'file') return [traceOf(entry)];
  const leftMtimeNs = tarTimeNs(entry.stamp.mtimeMs);
  return [...new Set([traceOf({ ...entry, leftMtimeNs }), emptiedTrace(leftMtimeNs)])];
}

/**
 * What an entry is known by. The container cannot tell the hash of a large file that is remembered here, but the time that it was given. Of a
 * folder, '' is enough; one that is not empty stays.
 */
function traceOf(entry: TreeEntry): string {
  switch (entry.kind) {
    case 'directory':
      return '';
    case 'file':
      return entry.sizeBytes > LARGE_BYTES ? timeOf(entry.leftMtimeNs) : entry.sha256;
    case 'symlink':
      return `-> ${entry.target}`;
  }
}

/** A power cut may leave no more of a file than its name and its time: an empty one of another time is the app's. */
function hasTrace(there: TreeEntry, trace: string): boolean {
  if (there.kind !== 'file') return traceOf(there) === trace;
  const isEmpty = there.sha256 === SHA256_OF_NOTHING;
  const content = isEmpty ? emptiedTrace(there.leftMtimeNs) : there.sha256;
  return [content, timeOf(there.leftMtimeNs)].includes(trace);
}

/** Undefined where nobody knows. */
function timeInContainer(entry: Extract<TreeEntry | LocalEntry, { kind: 'file' }>): bigint | undefined {
  if (entry.leftMtimeNs !== undefined) return entry.leftMtimeNs;
  return 'stamp' in entry && entry.stamp.mtimeMs >= 0 ? tarTimeNs(entry.stamp.mtimeMs) : undefined;
}

const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** In whole seconds: not every container tells more. */
const timeOf = (ns: bigint | undefined): string =>
  `written at ${ns === undefined ? 'an unknown time' : ns / 1_000_000_000n}`;

const emptiedTrace = (ns: bigint | undefined): string => `emptied, ${timeOf(ns)}`;
