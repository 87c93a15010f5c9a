import { type Document, isNode, type Node, parseDocument } from 'yaml';
import { sameValue } from '../same-value.js';
import { isMap, type YamlMap, type YamlValue } from '../yaml-value.js';
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
    for (const [path, value] of changedPaths(before, after))
      document.setIn(path, replacement(document, path, value));
    return document.toString({ lineWidth: 0 }).replace(/\n/g, lineBreakOf(text));
  } catch {
    // The package throws plain errors here, for an alias whose anchor went with a replaced value, and for one on the way to a value.
    return undefined;
  }
}

/** Comments hang on the nodes of the model: those of the old value go over to the new one. */
function replacement(document: Document, path: readonly string[], value: YamlValue): Node {
  const old: unknown = document.getIn(path, true);
  const node = document.createNode(plainData(value));
  if (isNode(old)) Object.assign(node, { comment: old.comment, commentBefore: old.commentBefore });
  return node;
}

function changedPaths(
  before: YamlMap,
  after: YamlMap,
  path: readonly string[] = [],
): [string[], YamlValue][] {
  return Object.entries(after).flatMap(([key, wanted]): [string[], YamlValue][] => {
    const old = before[key] ?? null;
    if (sameValue(old, wanted)) return [];
    return isMap(old) && isMap(wanted)
      ? changedPaths(old, wanted, [...path, key])
      : [[[...path, key], wanted]];
  });
}
