import { RdtError } from '../errors.js';

export type JsonNode = { readonly start: number; readonly end: number } & (
  | { readonly kind: 'object'; readonly members: readonly JsonMember[] }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly value: string }
  /** Read as text: `1e400` and 20 digits stay what they are. */
  | { readonly kind: 'number' }
  | { readonly kind: 'literal'; readonly value: boolean | null }
);

export interface JsonMember {
  readonly key: string;
  readonly start: number;
  readonly value: JsonNode;
}

/** Far above any real file; keeps hostile ones from overflowing the stack. */
const MAX_DEPTH = 200;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS = { true: true, false: false, null: null } as const;

/**
 * Parses JSON and keeps where everything stands in the text, so that an edit can change one value and leave all other bytes alone.
 * Throws an `RdtError` with line and column, `file` in front, where `JSON.parse` would throw.
 */
export function parseJson(text: string, file: string): JsonNode {
  const parser = new Parser(text, file);
  return parser.document();
}

class Parser {
  #at = 0;
  readonly #text: string;
  readonly #file: string;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  document(): JsonNode {
    if (this.#text.startsWith('\ufeff')) throw this.#error('a byte order mark');
    this.#skipSpace();
    const node = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('the end');
    return node;
  }

  #value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) throw this.#error('too many levels');
    const char = this.#text[this.#at];
    if (char === '{') return this.#object(depth);
    if (char === '[') return this.#array(depth);
    if (char === '"') return this.#string();
    const literal = Object.entries(LITERALS).find(([word]) => this.#text.startsWith(word, this.#at));
    if (literal !== undefined) {
      const [word, value] = literal;
      return { kind: 'literal', value, ...this.#advance(word.length) };
    }
    const number = this.#match(NUMBER);
    if (number === undefined) throw this.#unexpected('a value');
    return { kind: 'number', ...this.#advance(number.length) };
  }

  #object(depth: number): JsonNode {
    const start = this.#at++;
    const members: JsonMember[] = [];
    this.#list('}', () => {
      if (this.#text[this.#at] !== '"') throw this.#unexpected('a key in double quotes');
      const key = this.#string();
      this.#skipSpace();
      this.#expect(':');
      this.#skipSpace();
      members.push({ key: key.value, start: key.start, value: this.#value(depth + 1) });
    });
    return { kind: 'object', members, start, end: this.#at };
  }

  #array(depth: number): JsonNode {
    const start = this.#at++;
    const items: JsonNode[] = [];
    this.#list(']', () => items.push(this.#value(depth + 1)));
    return { kind: 'array', items, start, end: this.#at };
  }

  /** `item` once for each, with commas between them. */
  #list(close: string, item: () => void): void {
    this.#skipSpace();
    if (this.#text[this.#at] !== close) {
      for (;;) {
        item();
        this.#skipSpace();
        if (this.#text[this.#at] !== ',') break;
        this.#at++;
        this.#skipSpace();
      }
    }
    this.#expect(close);
  }

  #string(): Extract<JsonNode, { kind: 'string' }> {
    const start = this.#at;
    let end = start + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    const value = parseStringLiteral(this.#text.slice(start, end + 1));
    if (value === undefined) {
      throw this.#error('a text that is not closed, or holds a line break or an unknown escape');
    }
    return { kind: 'string', value, ...this.#advance(end + 1 - start) };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #advance(length: number): { start: number; end: number } {
    const start = this.#at;
    this.#at += length;
    return { start, end: this.#at };
  }

  #skipSpace(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  #expect(char: string): void {
    if (this.#text[this.#at] !== char) throw this.#unexpected(`"${char}"`);
    this.#at++;
  }

  #unexpected(expected: string): RdtError {
    const char = this.#text[this.#at];
    const found = char === undefined ? 'the end of the file' : JSON.stringify(char);
    return this.#error(`${found} where ${expected} should be`);
  }

  #error(what: string): RdtError {
    const lines = this.#text.slice(0, this.#at).split('\n');
    const position = `${lines.length}:${(lines.at(-1) ?? '').length + 1}`;
    return new RdtError(`${this.#file}:${position}: this is not valid JSON: ${what}`, {
      hint: 'Nothing was changed. Repair the file first.',
    });
  }
}

function parseStringLiteral(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
