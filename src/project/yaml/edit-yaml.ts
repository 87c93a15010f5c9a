import {
  type Document,
  isMap as isMapNode,
  isNode,
  isSeq,
  type Node,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { sameValue } from '../same-value.js';
import { isList, isMap, type YamlMap, type YamlValue } from '../yaml-value.js';
import { alignLists } from './align-lists.js';
import { keyText } from './locate-problems.js';
import { NotSpliceable } from './not-spliceable.js';
import { parseYaml } from './parse-yaml.js';
import { plainData } from './render-yaml.js';
import { spliceYaml } from './splice-yaml.js';
import { lineBreakOf } from './text-edits.js';

/**
 * The text with its meaning changed from `before` to `after`; comments, unknown keys and the order of keys survive. Undefined when
 * it is laid out so oddly that neither way can do it (an anchor on a value that has to go, for example).
 */
export function editYaml(text: string, before: YamlValue, after: YamlValue): string | undefined {
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const body = text.slice(mark.length);
  const edited = [spliced, redrawn]
    .map((edit) => edit(body, before, after))
    .find((result) => means(result, after));
  return edited === undefined ? undefined : mark + edited;
}

/** Whichever way a text was made, it counts only when the parser that will read it next time sees what is meant. */
function means(text: string | undefined, wanted: YamlValue): boolean {
  const parsed = text === undefined ? undefined : parseYaml(text);
  return parsed?.ok === true && sameValue(parsed.data, wanted);
}

function spliced(text: string, before: YamlValue, after: YamlValue): string | undefined {
  try {
    return spliceYaml(text, before, after);
  } catch (error) {
    if (error instanceof NotSpliceable) return undefined;
    throw error;
  }
}

/** By the document model: it keeps comments and order too, but draws the whole text anew. */
function redrawn(text: string, before: YamlValue, after: YamlValue): string | undefined {
  const document = parseDocument(text);
  if (document.errors.length > 0) return undefined;
  if (!isMap(before) || !isMap(after)) return undefined;
  try {
    if (!isMapNode(document.contents)) return undefined;
    adaptedMap(document, document.contents, before, after);
    return document.toString({ lineWidth: 0 }).replace(/\n/g, lineBreakOf(text));
  } catch {
    // The package throws plain errors here, for an alias whose anchor went with a replaced value.
    return undefined;
  }
}

/** The node that means `before`, made to mean `after`. Comments hang on nodes: those stay that can, and else their comments go over. */
function adapted<T>(document: Document, node: T, before: YamlValue, after: YamlValue): T | Node {
  if (sameValue(before, after)) return node;
  if (isMapNode(node) && isMap(before) && isMap(after)) return adaptedMap(document, node, before, after);
  if (isSeq(node) && isList(before) && isList(after)) return adaptedList(document, node, before, after);
  const fresh = document.createNode(plainData(after));
  if (isNode(node)) Object.assign(fresh, { comment: node.comment, commentBefore: node.commentBefore });
  return fresh;
}

function adaptedMap(document: Document, node: YAMLMap, before: YamlMap, after: YamlMap): YAMLMap {
  for (const [key, wanted] of Object.entries(after)) {
    const pair = node.items.find((item) => keyText(item) === key);
    if (pair === undefined) node.add(document.createPair(key, plainData(wanted)));
    else pair.value = adapted(document, pair.value, before[key] ?? null, wanted);
  }
  return node;
}

function adaptedList(
  document: Document,
  node: YAMLSeq,
  before: readonly YamlValue[],
  after: readonly YamlValue[],
): YAMLSeq {
  node.items = alignLists(before, after).flatMap((step) => {
    if (step.kind === 'remove') return [];
    if (step.kind === 'add') return [document.createNode(plainData(step.wanted))];
    return [adapted(document, node.items[step.index], before[step.index] ?? null, step.wanted)];
  });
  return node;
}
