import type { FileChange } from './configure-plan.js';
import { type Entry, knownEntries } from './masked-entries.js';

/** A change of one file, with all secrets masked. */
export interface FileDiff {
  /** Without the leading slash. */
  readonly file: string;
  readonly change: 'created' | 'changed' | 'removed';
  readonly entries: readonly EntryDiff[];
}

export interface EntryDiff {
  readonly key: string;
  /** Undefined: it was not there. */
  readonly before: string | undefined;
  /** Undefined: it will not be there. Equal to `before` when a secret changes, since both are masked. */
  readonly after: string | undefined;
}

export function diffOf(change: FileChange): FileDiff {
  const before = change.before === undefined ? [] : knownEntries(change.path, change.before);
  const after = change.kind === 'remove' ? [] : knownEntries(change.path, change.after);
  return { file: change.path.slice(1), change: kindOf(change), entries: diffEntries(before, after) };
}

function kindOf(change: FileChange): FileDiff['change'] {
  if (change.kind === 'remove') return 'removed';
  return change.before === undefined ? 'created' : 'changed';
}

function diffEntries(before: readonly Entry[], after: readonly Entry[]): EntryDiff[] {
  const old = new Map(before.map((entry) => [entry.key, entry]));
  const now = new Map(after.map((entry) => [entry.key, entry]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((key) => old.get(key)?.secret !== now.get(key)?.secret)
    .map((key) => ({ key, before: old.get(key)?.shown, after: now.get(key)?.shown }));
}

/** Lines as of a diff: `-` for what goes, `+` for what comes. */
export function renderDiff(diff: FileDiff): string[] {
  const lines = diff.entries.flatMap(({ key, before, after }) => {
    if (before !== undefined && before === after) return [`  ~ ${key}: ${after} (changed)`];
    return [
      ...(before === undefined ? [] : [`  - ${key}: ${before}`]),
      ...(after === undefined ? [] : [`  + ${key}: ${after}`]),
    ];
  });
  return [`${diff.file} (${diff.change})`, ...lines];
}
