import { accepted, type Parsed, refused } from '../project/parsed.js';
import { isList, PlainScalar, type YamlValue } from '../project/yaml-value.js';

/** Aliases make small files huge. */
const MAX_CHARACTERS = 64 << 10;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A YAML value as JSON text; numbers keep their digits. */
export function yamlToJson(value: YamlValue): Parsed<string> {
  const writer = new Writer();
  return writer.write(value)
    ? accepted(writer.text)
    : refused('is too large, or holds a number that JSON does not know');
}

class Writer {
  text = '';

  /** False when it cannot be done; then `text` is of no use. */
  write(value: YamlValue): boolean {
    if (this.text.length > MAX_CHARACTERS) return false;
    if (value === null || typeof value === 'string') return this.#add(JSON.stringify(value));
    if (value instanceof PlainScalar) return this.#scalar(value);
    if (isList(value))
      return this.#parts(
        '[',
        value.map((item) => [undefined, item] as const),
        ']',
      );
    return this.#parts('{', Object.entries(value), '}');
  }

  #scalar({ kind, text }: PlainScalar): boolean {
    if (kind === 'boolean') return this.#add(text.toLowerCase());
    if (JSON_NUMBER.test(text)) return this.#add(text);
    const number = Number(text.replace(/^\+/, ''));
    return Number.isFinite(number) && this.#add(`${number}`);
  }

  #parts(
    open: string,
    parts: readonly (readonly [key: string | undefined, value: YamlValue])[],
    close: string,
  ): boolean {
    this.#add(open);
    for (const [index, [key, value]] of parts.entries()) {
      if (index > 0) this.#add(',');
      if (key !== undefined) this.#add(`${JSON.stringify(key)}:`);
      if (!this.write(value)) return false;
    }
    return this.#add(close);
  }

  #add(text: string): true {
    this.text += text;
    return true;
  }
}
