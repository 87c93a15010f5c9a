import { expect } from 'vitest';
import { type LocalTree, parentsOf } from '../../../src/sync/tree.js';

export const holdsSame = (tree: LocalTree, expected: LocalTree): boolean =>
  sorted(tree).join('\n') === sorted(expected).join('\n');

/** Both trees hold the same, and in `tree` each folder comes before what is in it. */
export function sameTree(tree: LocalTree, expected: LocalTree): void {
  expect(sorted(tree)).toEqual(sorted(expected));
  const seen = new Set<string>();
  for (const path of tree.keys()) {
    for (const parent of parentsOf(path)) expect(seen).toContain(parent);
    seen.add(path);
  }
}

const sorted = (entries: LocalTree): string[] => [...entries].map(withoutTimes).sort();

/** A folder's own times do not matter; those of files must be right, for the next push goes by them. */
const withoutTimes = ([path, entry]: [
  string,
  LocalTree extends ReadonlyMap<string, infer E> ? E : never,
]): string => JSON.stringify([path, entry.kind === 'file' ? entry : { ...entry, stamp: undefined }]);
