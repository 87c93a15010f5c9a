import { ExitCode, RdtError } from '../errors.js';
import { type JsonMember, type JsonNode, parseJson } from './json-parse.js';

/** Keys from the outside in, at least one. */
export type KeyPath = readonly string[];

type ObjectNode = Extract<JsonNode, { kind: 'object' }>;

/** How a text is laid out: `indent` is '' when it is all on one line. */
interface Style {
  readonly newline: string;
  readonly indent: string;
  readonly colon: string;
  readonly comma: string;
}

const DEFAULT_INDENT = '  ';

/** The node at a path; undefined when it, or an object on the way, is missing. Of a key that is there twice the last counts. */
export function findNode(root: JsonNode, path: KeyPath): JsonNode | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return root;
  const member = root.kind === 'object' ? root.members.findLast((other) => other.key === key) : undefined;
  return member === undefined ? undefined : findNode(member.value, rest);
}

/**
 * The text with `valueText` (valid JSON) at `path`; missing objects on the way are made. Every other byte stays, and the text itself
 * when it says the same already. Throws an `RdtError` when `text` is not valid, or when a value on the way is no object.
 */
export function setJson(text: string, path: KeyPath, valueText: string, file: string): string {
  const root = parseJson(text, file);
  const value = parseJson(valueText, 'the new value');
  const old = findNode(root, path);
  const style = styleOf(text, root);
  if (old !== undefined) {
    if (canonical(text, old) === canonical(valueText, value)) return text;
    return splice(text, old.start, old.end, render(valueText, value, style, path.length));
  }
  const { parent, depth } = deepestObject(root, path, file);
  const missing = path
    .slice(depth + 1)
    .reduceRight((inner, key) => `{${JSON.stringify(key)}:${inner}}`, valueText);
  const rendered = render(missing, parseJson(missing, 'the new value'), style, depth + 1);
  const member = `${JSON.stringify(path[depth])}${style.colon}${rendered}`;
  return insertMember(text, parent, member, style, depth);
}

/** The text without the value at `path`; the text itself when there is none. */
export function unsetJson(text: string, path: KeyPath, file: string): string {
  const parent = findNode(parseJson(text, file), path.slice(0, -1));
  if (parent?.kind !== 'object') return text;
  const index = parent.members.findLastIndex((member) => member.key === path.at(-1));
  return index === -1 ? text : unsetJson(removeMember(text, parent, index), path, file);
}

/** The same for texts that mean the same, apart from the order of keys and the spelling of numbers. */
export function canonical(text: string, node: JsonNode): string {
  switch (node.kind) {
    case 'object':
      return `{${node.members.map(({ key, value }) => `${JSON.stringify(key)}:${canonical(text, value)}`).join(',')}}`;
    case 'array':
      return `[${node.items.map((item) => canonical(text, item)).join(',')}]`;
    case 'string':
      return JSON.stringify(node.value);
    case 'number':
    case 'literal':
      return text.slice(node.start, node.end);
  }
}

function deepestObject(root: JsonNode, path: KeyPath, file: string): { parent: ObjectNode; depth: number } {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const node = findNode(root, path.slice(0, depth));
    if (node?.kind === 'object') return { parent: node, depth };
    if (node !== undefined) throw noObject(path.slice(0, depth), file);
  }
  throw noObject([], file);
}

function noObject(path: KeyPath, file: string): RdtError {
  const what = path.length === 0 ? 'the whole file' : `"${path.join('.')}"`;
  return new RdtError(`${file}: ${what} is not an object, so nothing can be set in it`, {
    exitCode: ExitCode.usage,
  });
}

function insertMember(text: string, parent: ObjectNode, member: string, style: Style, depth: number): string {
  const last = parent.members.at(-1);
  const line = (level: number): string => style.newline + style.indent.repeat(level);
  if (last === undefined) {
    return splice(text, parent.start, parent.end, `{${line(depth + 1)}${member}${line(depth)}}`);
  }
  const first = parent.members[0]?.start ?? last.start;
  const lead = text.slice(parent.start + 1, first);
  const separator = lead.includes('\n') ? `,${lead.slice(lead.search(/\r?\n[^\n]*$/))}` : style.comma;
  return splice(text, last.value.end, last.value.end, `${separator}${member}`);
}

/** With the comma behind it, or the one before it when it is the last. */
function removeMember(text: string, parent: ObjectNode, index: number): string {
  const member = parent.members[index] as JsonMember;
  const next = parent.members[index + 1];
  if (next !== undefined) return splice(text, member.start, next.start, '');
  const previous = parent.members[index - 1];
  if (previous !== undefined) return splice(text, previous.value.end, member.value.end, '');
  return splice(text, parent.start, parent.end, '{}');
}

function styleOf(text: string, root: JsonNode): Style {
  const [first, second] = root.kind === 'object' ? root.members : [];
  if (first === undefined) return { newline: '\n', indent: DEFAULT_INDENT, colon: ': ', comma: ', ' };
  const lead = /(\r?\n)([ \t]*)$/.exec(text.slice(root.start + 1, first.start));
  const colon = / *: *$/.exec(text.slice(first.start, first.value.start))?.[0] ?? ':';
  const spaced = second === undefined ? colon.endsWith(' ') : text[second.start - 1] === ' ';
  const comma = spaced ? ', ' : ',';
  return { newline: lead?.[1] ?? '', indent: lead?.[2] ?? '', colon, comma };
}

/** A value in the style of its new surroundings, `level` objects deep. */
function render(text: string, node: JsonNode, style: Style, level: number): string {
  if (node.kind === 'object') {
    const members = node.members.map(
      ({ key, value }) => `${JSON.stringify(key)}${style.colon}${render(text, value, style, level + 1)}`,
    );
    return enclose('{', members, '}', style, level);
  }
  if (node.kind === 'array') {
    const items = node.items.map((item) => render(text, item, style, level + 1));
    return enclose('[', items, ']', style, level);
  }
  return text.slice(node.start, node.end);
}

function enclose(open: string, parts: readonly string[], close: string, style: Style, level: number): string {
  if (parts.length === 0) return open + close;
  if (style.newline === '') return `${open}${parts.join(style.comma)}${close}`;
  const inner = style.newline + style.indent.repeat(level + 1);
  return `${open}${inner}${parts.join(`,${inner}`)}${style.newline}${style.indent.repeat(level)}${close}`;
}

const splice = (text: string, start: number, end: number, part: string): string =>
  text.slice(0, start) + part + text.slice(end);
