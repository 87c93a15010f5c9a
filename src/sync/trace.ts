import { LARGE_BYTES } from './blocks.js';
import type { Deployment, Gone, Sent } from './deployment.js';
import { tarTimeNs } from './tar-writer.js';
import type { LocalEntry, TreeEntry } from './tree.js';

/**
 * What a path that was deleted is known by when it is back. The container cannot tell the hash of a large file that is remembered here, but the time
 * that it was given. Of a folder, '' is enough; one that is not empty stays.
 */
export function traceOf(entry: TreeEntry): string {
  switch (entry.kind) {
    case 'directory':
      return '';
    case 'file':
      return entry.sizeBytes > LARGE_BYTES ? timeOf(entry.leftMtimeNs) : entry.sha256;
    case 'symlink':
      return `-> ${entry.target}`;
  }
}

/**
 * Whether what is `there` now has that trace, or is what a power cut has left of a file: nothing. What was written since it was deleted is the
 * app's, whatever is in it.
 */
export function isBack(there: TreeEntry, { trace, atMs }: Gone): boolean {
  if (there.kind !== 'file') return traceOf(there) === trace;
  if (there.leftMtimeNs !== undefined && there.leftMtimeNs / 1_000_000n > atMs) return false;
  const wasFile = trace !== '' && !trace.startsWith('-> ');
  return hasTrace(there, trace) || (wasFile && there.sha256 === SHA256_OF_NOTHING);
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

/** A device that loses its power may keep no more of a file than its name and its time. */
function tracesOfSent(entry: LocalEntry): readonly string[] {
  if (entry.kind !== 'file') return [traceOf(entry)];
  const leftMtimeNs = tarTimeNs(entry.stamp.mtimeMs);
  return [...new Set([traceOf({ ...entry, leftMtimeNs }), emptiedTrace(leftMtimeNs)])];
}

function hasTrace(there: TreeEntry, trace: string): boolean {
  if (there.kind !== 'file') return traceOf(there) === trace;
  if (there.sha256 === SHA256_OF_NOTHING && emptiedTrace(there.leftMtimeNs) === trace) return true;
  return [there.sha256, timeOf(there.leftMtimeNs)].includes(trace);
}

const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** In whole seconds: not every container tells more. */
const timeOf = (ns: bigint | undefined): string =>
  `written at ${ns === undefined ? 'an unknown time' : ns / 1_000_000_000n}`;

const emptiedTrace = (ns: bigint | undefined): string => `emptied, ${timeOf(ns)}`;
