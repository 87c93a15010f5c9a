import { sameValue } from '../same-value.js';
import { isMap, type YamlValue } from '../yaml-value.js';

/** How one list becomes another, in the order of both; `index` counts in the old one. */
export type ListStep =
  | { readonly kind: 'keep'; readonly index: number; readonly wanted: YamlValue }
  | { readonly kind: 'remove'; readonly index: number }
  | { readonly kind: 'add'; readonly wanted: YamlValue };

/** Keeps as many entries as an order-preserving match can (longest common subsequence). A map with the same only key is the same entry, and so is that key alone. */
export function alignLists(before: readonly YamlValue[], after: readonly YamlValue[]): ListStep[] {
  const length = commonLengths(before, after);
  const steps: ListStep[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, wanted] = [before[i], after[j]];
    if (old !== undefined && wanted !== undefined && isSameEntry(old, wanted)) {
      steps.push({ kind: 'keep', index: i++, wanted });
      j++;
    } else if (wanted !== undefined && (old === undefined || length(i, j + 1) >= length(i + 1, j))) {
      steps.push({ kind: 'add', wanted });
      j++;
    } else {
      steps.push({ kind: 'remove', index: i++ });
    }
  }
  return steps;
}

/** The length of the longest common subsequence of `before` from i on and `after` from j on. */
function commonLengths(
  before: readonly YamlValue[],
  after: readonly YamlValue[],
): (i: number, j: number) => number {
  const table: number[][] = before.map(() => []);
  const at = (i: number, j: number): number => table[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const isSame = isSameEntry(before[i] ?? null, after[j] ?? null);
      (table[i] ?? [])[j] = isSame ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  return at;
}

function isSameEntry(a: YamlValue, b: YamlValue): boolean {
  if (sameValue(a, b)) return true;
  const [keyOfA, keyOfB] = [onlyKey(a), onlyKey(b)];
  return keyOfA !== undefined && keyOfA === keyOfB;
}

/** A name alone is the key of an entry that has no value yet. */
function onlyKey(value: YamlValue): string | undefined {
  if (typeof value === 'string') return value;
  const keys = isMap(value) ? Object.keys(value) : [];
  return keys.length === 1 ? keys[0] : undefined;
}
