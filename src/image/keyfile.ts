import { RdtError } from '../errors.js';

/** A line that is no key stays as it is: blank, comment, group header. */
type Line =
  | { readonly kind: 'other'; readonly text: string }
  | { readonly kind: 'group'; readonly text: string; readonly name: string }
  | { readonly kind: 'pair'; readonly text: string; readonly key: string; readonly value: string };

/**
 * A NetworkManager keyfile (glib's GKeyFile) as lines: what is not changed keeps its bytes.
 * Values are raw, see keyfile-values.ts. A group or key that appears twice counts as glib counts it: groups join, the last key wins.
 */
export class Keyfile {
  #lines: Line[];

  private constructor(lines: Line[]) {
    this.#lines = lines;
  }

  /** Throws an `RdtError` that names `file` and the line when glib would refuse the text. */
  static parse(text: string, file: string): Keyfile {
    const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
    if (lines.at(-1) === '') lines.pop();
    let hasGroup = false;
    const parsed = lines.map((line, index) => {
      const result = parseLine(line);
      hasGroup ||= result?.kind === 'group';
      if (result !== undefined && (hasGroup || result.kind !== 'pair')) return result;
      throw new RdtError(`${file}:${index + 1}: this is not a line of a NetworkManager keyfile`, {
        hint: 'Allowed are [group], key=value (inside of a group) and # comments.',
      });
    });
    return new Keyfile(parsed);
  }

  static empty(): Keyfile {
    return new Keyfile([]);
  }

  clone(): Keyfile {
    return new Keyfile([...this.#lines]);
  }

  groups(): string[] {
    return [...new Set(this.#lines.flatMap((line) => (line.kind === 'group' ? [line.name] : [])))];
  }

  /** Keys of a group in the order they stand. */
  keys(group: string): string[] {
    return [...new Set(this.#pairsOf(group).map(({ pair }) => pair.key))];
  }

  get(group: string, key: string): string | undefined {
    return this.#pairsOf(group).findLast(({ pair }) => pair.key === key)?.pair.value;
  }

  set(group: string, key: string, value: string): void {
    const line: Line = { kind: 'pair', text: `${key}=${value}`, key, value };
    const existing = this.#pairsOf(group).findLast(({ pair }) => pair.key === key);
    if (existing === undefined) this.#insert(group, line);
    else if (existing.pair.value !== value) this.#lines[existing.index] = line;
  }

  remove(group: string, key: string): void {
    const indexes = new Set(
      this.#pairsOf(group).flatMap(({ pair, index }) => (pair.key === key ? [index] : [])),
    );
    this.#lines = this.#lines.filter((_, index) => !indexes.has(index));
  }

  removeGroup(group: string): void {
    const groupOf = this.#groupOfLines();
    this.#lines = this.#lines.filter((_, index) => groupOf[index] !== group);
  }

  toString(): string {
    return this.#lines.map((line) => `${line.text}\n`).join('');
  }

  #groupOfLines(): (string | undefined)[] {
    let current: string | undefined;
    return this.#lines.map((line) => (current = line.kind === 'group' ? line.name : current));
  }

  #pairsOf(group: string): { pair: Extract<Line, { kind: 'pair' }>; index: number }[] {
    const groupOf = this.#groupOfLines();
    return this.#lines.flatMap((line, index) =>
      line.kind === 'pair' && groupOf[index] === group ? [{ pair: line, index }] : [],
    );
  }

  /** Behind the last line of the group that is not blank, or in a new group at the end. */
  #insert(group: string, line: Line): void {
    const groupOf = this.#groupOfLines();
    const last = this.#lines.findLastIndex(
      (other, index) => groupOf[index] === group && other.text.trim() !== '',
    );
    if (last !== -1) {
      this.#lines.splice(last + 1, 0, line);
      return;
    }
    if (this.#lines.length > 0) this.#lines.push({ kind: 'other', text: '' });
    this.#lines.push({ kind: 'group', text: `[${group}]`, name: group }, line);
  }
}

/** glib ignores spaces around lines and keys, and in front of values. Undefined for what it refuses. */
function parseLine(text: string): Line | undefined {
  const line = text.trimStart();
  if (line === '' || line.startsWith('#')) return { kind: 'other', text };
  const group = /^\[([^[\]\p{Cc}]+)\]\s*$/u.exec(line)?.[1];
  if (group !== undefined) return { kind: 'group', text, name: group };
  const pair = /^([^=]+?)\s*=\s*(.*)$/su.exec(line);
  if (line.startsWith('[') || pair === null) return undefined;
  const [, key = '', value = ''] = pair;
  return { kind: 'pair', text, key, value };
}
