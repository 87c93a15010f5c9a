/**
 * Most paths match no pattern at all, and most patterns say by their last segments which paths they can match. Asking for
 * that first keeps the walk of 20,000 files from running every pattern of every .gitignore on each of them.
 */
export interface IgnoreShortcut {
  /** False when no pattern outside of `rest` can match. Never false for a path that one does match. */
  couldMatch(path: string, name: string): boolean;
  /**
   * What remains to be asked when `couldMatch` is false, in order; empty when that cannot ignore anything. It has every
   * negated pattern, so that a folder which one of them brought back is not ignored here.
   */
  readonly rest: readonly string[];
}

/** What a pattern needs of a path to match it; `anything` is what cannot be told. */
type Demand =
  | { readonly kind: 'name'; readonly name: string }
  /** Of `*.log`, and of `*.min.log`: what follows the last dot. */
  | { readonly kind: 'extension'; readonly extension: string }
  | { readonly kind: 'glob'; readonly expression: string }
  /** Below a folder of this name: of `generated/**`. */
  | { readonly kind: 'below'; readonly folder: string }
  | { readonly kind: 'anything' };

/** `patterns` as the `ignore` library takes them, one each. */
export function ignoreShortcut(patterns: readonly string[], ignoreCase: boolean): IgnoreShortcut {
  const folded = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const effective = patterns.filter((pattern) => pattern !== '' && !pattern.startsWith('#'));
  const demands = effective.map((pattern) =>
    pattern.startsWith('!') ? undefined : demandOf(folded(pattern)),
  );
  const names = new Set(demands.flatMap((demand) => (demand?.kind === 'name' ? [demand.name] : [])));
  const extensions = new Set(
    demands.flatMap((demand) => (demand?.kind === 'extension' ? [demand.extension] : [])),
  );
  const globs = demands.flatMap((demand) => (demand?.kind === 'glob' ? [demand.expression] : []));
  const folders = demands.flatMap((demand) => (demand?.kind === 'below' ? [`/${demand.folder}/`] : []));
  const glob = globs.length > 0 ? new RegExp(`^(?:${globs.join('|')})$`, 's') : undefined;
  const isAsked = (demand: Demand | undefined): boolean => demand === undefined || demand.kind === 'anything';
  return {
    couldMatch: (path, name) =>
      names.has(folded(name)) ||
      extensions.has(extensionOf(folded(name))) ||
      glob?.test(folded(name)) === true ||
      (folders.length > 0 && folders.some((folder) => `/${folded(path)}`.includes(folder))),
    rest: demands.some((demand) => demand?.kind === 'anything')
      ? effective.filter((_, index) => isAsked(demands[index]))
      : [],
  };
}

/** A slash inside a class makes the segments lie; spaces at the end may or may not count. */
const SEGMENTS_UNCLEAR = /\[.*\/|[ \\]\/?$/s;

function demandOf(pattern: string): Demand {
  if (SEGMENTS_UNCLEAR.test(pattern)) return { kind: 'anything' };
  const segments = pattern.replace(/\/$/, '').split('/');
  const last = segments.pop() ?? '';
  if (last === '**') return below(segments.pop() ?? '');
  if (last === '') return { kind: 'anything' };
  return IS_LITERAL.test(last)
    ? { kind: 'name', name: last }
    : { kind: 'glob', expression: asExpression(last) };
}

const extensionOf = (name: string): string => name.slice(name.lastIndexOf('.'));

const below = (folder: string): Demand =>
  folder !== '' && IS_LITERAL.test(folder) ? { kind: 'below', folder } : { kind: 'anything' };

const IS_LITERAL = /^[^*?[\\]*$/;

/** At least as wide as the pattern: a class, with all that follows it, is taken for anything. */
const asExpression = (segment: string): string =>
  segment.replace(/\\(.)|\[.*|[*?]|[.+^${}()|\]]/gs, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return escaped.replace(/[\\*?[\].+^${}()|]/, '\\$&');
    if (part === '?') return '.';
    return part.startsWith('[') || part === '*' ? '.*' : `\\${part}`;
  });
