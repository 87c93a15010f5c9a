/**
 * Most paths match no pattern at all, and most patterns say by their last segment which names they can match. Asking for
 * that first keeps the walk of 20,000 files from running every pattern of every .gitignore on each of them.
 */
export interface IgnoreShortcut {
  /** False when no pattern outside of `rest` can match a path that ends in `name`. Never false for one that does match. */
  couldMatch(name: string): boolean;
  /**
   * What remains to be asked when `couldMatch` is false, in order; empty when that cannot ignore anything. It has every
   * negated pattern, so that a folder which one of them brought back is not ignored here.
   */
  readonly rest: readonly string[];
}

/** Escapes, classes, `**` and what spaces at the end hide: left to the library. */
const SAYS_TOO_LITTLE = /[\\[]|\*\*|^$| $/;

interface Sorted {
  readonly names: Set<string>;
  readonly globs: string[];
  readonly rest: string[];
  /** Of `rest`, the patterns that can ignore. */
  positives: number;
}

/** `patterns` as the `ignore` library takes them, one each. */
export function ignoreShortcut(patterns: readonly string[], ignoreCase: boolean): IgnoreShortcut {
  const folded = (name: string): string => (ignoreCase ? name.toLowerCase() : name);
  const sorted: Sorted = { names: new Set(), globs: [], rest: [], positives: 0 };
  for (const pattern of patterns) sortIn(sorted, pattern, folded);
  const { names, globs, rest, positives } = sorted;
  const glob = globs.length > 0 ? new RegExp(`^(?:${globs.join('|')})$`, 's') : undefined;
  return {
    couldMatch: (name) => names.has(folded(name)) || (glob?.test(folded(name)) ?? false),
    rest: positives > 0 ? rest : [],
  };
}

function sortIn(sorted: Sorted, pattern: string, folded: (name: string) => string): void {
  if (pattern === '' || pattern.startsWith('#')) return;
  const segment = folded(lastSegment(pattern));
  if (pattern.startsWith('!')) {
    sorted.rest.push(pattern);
  } else if (SAYS_TOO_LITTLE.test(segment)) {
    sorted.rest.push(pattern);
    sorted.positives += 1;
  } else if (/[*?]/.test(segment)) {
    sorted.globs.push(asExpression(segment));
  } else {
    sorted.names.add(segment);
  }
}

/** A slash at the end only asks for a folder. */
function lastSegment(pattern: string): string {
  const path = pattern.replace(/\/$/, '');
  return path.slice(path.lastIndexOf('/') + 1);
}

const asExpression = (segment: string): string =>
  segment
    .replace(/[.+^${}()|]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
