import { EntryMap } from './entry-map.js';
import type { Tree, TreeEntry } from './tree.js';

/** More changes than this are worth a tree of their own. */
const MOST_CHANGES = 512;
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** Paths with what they hold now; undefined for one that is gone. A new folder comes before what is in it. */
export type TreeChanges<E extends TreeEntry> = ReadonlyMap<string, E | undefined>;

/** The tree with these changes. Takes the time of the changes, not of the tree; neither `tree` nor `changes` may be changed afterwards. */
export function withChanges<E extends TreeEntry>(tree: Tree<E>, changes: TreeChanges<E>): Tree<E> {
  if (changes.size === 0) return tree;
  const base = baseOf(tree);
  const all = new Map<string, E | undefined>(changesOf(tree));
  for (const [path, entry] of changes) {
    // What came and went is as if it had never been: should it come again, it has to stand behind its folder.
    if (entry === undefined && !base.has(path)) all.delete(path);
    else all.set(path, entry);
  }
  const layered = new LayeredTree(base, all);
  return all.size > MOST_CHANGES ? new Map(layered) : layered;
}

/**
 * The only paths at which the two trees may differ, a folder before what is in it; undefined when that cannot be told without
 * looking at all of them.
 */
export function differingPaths(a: Tree, b: Tree): string[] | undefined {
  if (baseOf(a) !== baseOf(b)) return undefined;
  const paths = new Set([...changesOf(a).keys(), ...changesOf(b).keys()]);
  return [...paths].filter((path) => a.get(path) !== b.get(path)).sort();
}

/** A tree that shares all but a few entries with another. */
class LayeredTree<E extends TreeEntry> extends EntryMap<E> {
  readonly size: number;

  constructor(
    readonly base: Tree<E>,
    readonly changes: TreeChanges<E>,
  ) {
    super();
    let { size } = base;
    for (const [path, entry] of changes) size += Number(entry !== undefined) - Number(base.has(path));
    this.size = size;
  }

  get(path: string): E | undefined {
    return this.changes.has(path) ? this.changes.get(path) : this.base.get(path);
  }

  *entries(): MapIterator<[string, E]> {
    for (const [path, entry] of this.base) {
      const now = this.changes.has(path) ? this.changes.get(path) : entry;
      if (now !== undefined) yield [path, now];
    }
    for (const [path, entry] of this.changes)
      if (entry !== undefined && !this.base.has(path)) yield [path, entry];
  }
}

/** What the changes of a tree are changes of; the tree itself when it has none. */
export const baseOf = <E extends TreeEntry>(tree: Tree<E>): Tree<E> =>
  tree instanceof LayeredTree ? (tree.base as Tree<E>) : tree;

export const changesOf = <E extends TreeEntry>(tree: Tree<E>): TreeChanges<E> =>
  tree instanceof LayeredTree ? (tree.changes as TreeChanges<E>) : NONE;
