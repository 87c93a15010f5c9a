import {
  isCollection,
  isMap as isMapNode,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { sameValue } from '../same-value.js';
import { isList, isMap, type YamlMap, type YamlValue } from '../yaml-value.js';
import { alignLists } from './align-lists.js';
import { keyText } from './locate-problems.js';
import { afterColon, dashOf, endOf, isEmpty, startOf, startOfEntry } from './node-ranges.js';
import { NotSpliceable } from './not-spliceable.js';
import { renderScalar, renderYaml } from './render-yaml.js';
import { applyEdits, indentLines, lineBreakOf, lineStart, nextLine, type TextEdit } from './text-edits.js';

/**
 * Turns a text that means `before` into one that means `after` by replacing as little of it as it can: what is not changed,
 * with its comments, quotes, odd spacing and line ends, stays byte for byte. The caller has to check what the result means.
 * @throws NotSpliceable
 */
export function spliceYaml(text: string, before: YamlValue, after: YamlValue): string {
  const isComplete = text === '' || text.endsWith('\n');
  const complete = isComplete ? text : text + lineBreakOf(text);
  const { contents } = parseDocument(complete, { keepSourceTokens: true });
  const splicer = new Splicer(complete);
  if (contents === null || isEmpty(contents)) splicer.insertLines(complete.length, '', after);
  else splicer.change(contents, before, after);
  const result = applyEdits(complete, splicer.edits);
  return isComplete ? result : result.replace(/\r?\n$/, '');
}

type Block = YAMLMap | YAMLSeq;

/** Collects the edits of one text; all offsets are those of the text before any of them. */
class Splicer {
  readonly edits: TextEdit[] = [];
  readonly #text: string;
  readonly #lineBreak: string;

  constructor(text: string) {
    this.#text = text;
    this.#lineBreak = lineBreakOf(text);
  }

  insertLines(at: number, indent: string, value: YamlValue): void {
    this.edits.push({ start: at, end: at, text: indentLines(renderYaml(value), indent, this.#lineBreak) });
  }

  /** `node` means `before`, and shall mean `after`. */
  change(node: unknown, before: YamlValue, after: YamlValue): void {
    const isBlock = isCollection(node) && node.flow !== true && node.items.length > 0;
    if (isBlock && isMapNode(node) && isMap(before) && isMap(after)) this.#changeMap(node, before, after);
    else if (isBlock && isSeq(node) && isList(before) && isList(after)) this.#changeList(node, before, after);
    else throw new NotSpliceable();
  }

  #changeMap(node: YAMLMap, before: YamlMap, after: YamlMap): void {
    for (const pair of node.items) {
      const key = keyText(pair) ?? '';
      if (!Object.hasOwn(before, key) || !Object.hasOwn(after, key)) throw new NotSpliceable();
      const [old, wanted] = [before[key] ?? null, after[key] ?? null];
      if (!sameValue(old, wanted)) this.#changeValue(pair, old, wanted);
    }
    const added = Object.entries(after).filter(([key]) => !Object.hasOwn(before, key));
    if (added.length === 0) return;
    const indent = this.#indentOf(startOfEntry(node, 0));
    this.insertLines(nextLine(this.#text, endOf(node)), indent, Object.fromEntries(added));
  }

  #changeList(node: YAMLSeq, before: readonly YamlValue[], after: readonly YamlValue[]): void {
    const indent = this.#indentOf(dashOf(node, 0));
    let at = lineStart(this.#text, dashOf(node, 0));
    for (const step of alignLists(before, after)) {
      if (step.kind === 'add') {
        this.insertLines(at, indent, [step.wanted]);
        continue;
      }
      at = this.#lineAfterEntry(node, step.index);
      const old = before[step.index] ?? null;
      if (step.kind === 'remove') this.#removeEntry(node, step.index);
      else if (!sameValue(old, step.wanted)) this.#changeEntry(node.items[step.index], old, step.wanted);
    }
  }

  /** A name alone that is to have a value gets it behind it. */
  #changeEntry(node: unknown, old: YamlValue, wanted: YamlValue): void {
    const value = typeof old === 'string' && isMap(wanted) ? wanted[old] : undefined;
    if (value === undefined || !isScalar(node)) this.change(node, old, wanted);
    else this.edits.push({ start: endOf(node), end: endOf(node), text: `: ${inlineText(value, undefined)}` });
  }

  #changeValue(pair: Pair, old: YamlValue, wanted: YamlValue): void {
    const { value } = pair;
    const isBlock = isCollection(value) && value.flow !== true;
    const canRecurse = isBlock && takesLines(wanted) && isList(old) === isList(wanted);
    if (canRecurse) this.change(value, old, wanted);
    else if (isBlock) this.#replaceBlock(pair, value, wanted);
    else if (takesLines(wanted)) this.#unfoldInline(pair, wanted);
    else this.#replaceInline(pair, wanted);
  }

  /** A block gives way: its entries go line by line, so that the comments between them stay. */
  #replaceBlock(pair: Pair, block: Block, wanted: YamlValue): void {
    const colon = afterColon(pair);
    if (takesLines(wanted))
      this.insertLines(nextLine(this.#text, colon), `${this.#indentOf(startOf(pair.key))}  `, wanted);
    else this.edits.push({ start: colon, end: colon, text: ` ${inlineText(wanted, undefined)}` });
    for (const index of block.items.keys()) this.#removeEntry(block, index);
  }

  /** A value beside its key becomes lines below; a comment after it stays beside the key. A map in one line may hold foreign keys. */
  #unfoldInline(pair: Pair, wanted: YamlValue): void {
    if (isMap(wanted) && !isEmpty(pair.value)) throw new NotSpliceable();
    const [start, end] = this.#inlineRange(pair);
    const endsLine = /^[ \t]*(\r?\n|$)/.test(this.#text.slice(end));
    this.edits.push({ start: endsLine ? afterColon(pair) : start, end, text: '' });
    this.insertLines(nextLine(this.#text, end), `${this.#indentOf(startOf(pair.key))}  `, wanted);
  }

  #replaceInline(pair: Pair, wanted: YamlValue): void {
    const [start, end] = this.#inlineRange(pair);
    const rendered = inlineText(wanted, isScalar(pair.value) ? pair.value.type : undefined);
    const space = start === afterColon(pair) ? ' ' : '';
    const lineBreak = this.#text.slice(start, end).endsWith('\n') ? this.#lineBreak : '';
    this.edits.push({ start, end, text: space + rendered + lineBreak });
  }

  #inlineRange(pair: Pair): [start: number, end: number] {
    const { value } = pair;
    if (isEmpty(value)) return [afterColon(pair), afterColon(pair)];
    const [start, end] = [startOf(value), endOf(value)];
    if (isCollection(value) && /#.*\n/.test(this.#text.slice(start, end))) throw new NotSpliceable();
    return [start, end];
  }

  #removeEntry(block: Block, index: number): void {
    const start = startOfEntry(block, index);
    this.#indentOf(start);
    this.edits.push({
      start: lineStart(this.#text, start),
      end: this.#lineAfterEntry(block, index),
      text: '',
    });
  }

  /** An empty entry ends at its dash. */
  #lineAfterEntry(block: Block, index: number): number {
    return nextLine(this.#text, Math.max(startOfEntry(block, index) + 1, endOf(block.items[index])));
  }

  /** What stands before `offset` on its line: spaces, or the line is not its own. The dash of a list's entry is a space more. */
  #indentOf(offset: number): string {
    const indent = this.#text.slice(lineStart(this.#text, offset), offset);
    if (!/^ *(- )? *$/.test(indent)) throw new NotSpliceable();
    return indent.replace('-', ' ');
  }
}

const takesLines = (value: YamlValue): boolean => (isList(value) ? value.length > 0 : isMap(value));

const inlineText = (value: YamlValue, like: unknown): string =>
  isList(value) ? '[]' : renderScalar(value, like);
