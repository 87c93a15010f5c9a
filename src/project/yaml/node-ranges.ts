import { isCollection, isNode, isPair, isScalar, isSeq, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { NotSpliceable } from './not-spliceable.js';

/** Offsets into the text, of a document that was parsed with `keepSourceTokens`. */

export function startOf(node: unknown): number {
  const start = isNode(node) ? node.range?.[0] : undefined;
  if (start === undefined) throw new NotSpliceable();
  return start;
}

/** Where the last character of a value has its end; comments after it are not part of it. */
export function endOf(node: unknown): number {
  if (isPair(node)) return Math.max(afterColon(node), isEmpty(node.value) ? 0 : endOf(node.value));
  if (isCollection(node) && node.flow !== true && node.items.length > 0) return endOf(node.items.at(-1));
  const end = isNode(node) ? node.range?.[1] : undefined;
  if (end === undefined) throw new NotSpliceable();
  return end;
}

export function afterColon(pair: Pair): number {
  const colon = pair.srcToken?.sep?.find((token) => token.type === 'map-value-ind');
  if (colon === undefined) throw new NotSpliceable();
  return colon.offset + 1;
}

/** The offset of the dash of an entry of a block list. */
export function dashOf(list: YAMLSeq, index: number): number {
  const token = list.srcToken?.type === 'block-seq' ? list.srcToken.items[index] : undefined;
  const dash = token?.start.find((part) => part.type === 'seq-item-ind');
  if (dash === undefined) throw new NotSpliceable();
  return dash.offset;
}

/** The offset of the first character of an entry of a block collection. */
export function startOfEntry(collection: YAMLMap | YAMLSeq, index: number): number {
  if (isSeq(collection)) return dashOf(collection, index);
  return startOf(collection.items[index]?.key);
}

/** Nothing is written where the value would be. */
export const isEmpty = (value: unknown): boolean =>
  value === null || (isScalar(value) && value.value === null && (value.source ?? '') === '');
