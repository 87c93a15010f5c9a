/**
 * A plain scalar that YAML 1.2's core schema does not read as text. Its text is kept, because for us `1.10`, `0644` and `True`
 * are what the user wrote (a version, a mode, a value of an environment variable) and not what a number or a boolean prints as.
 */
export class PlainScalar {
  constructor(
    readonly kind: 'number' | 'boolean',
    readonly text: string,
  ) {}

  /** Lets the parser use it as the key of a map by its text. */
  get [Symbol.toStringTag](): string {
    return 'PlainScalar';
  }

  toString(): string {
    return this.text;
  }
}

export interface YamlMap {
  readonly [key: string]: YamlValue;
}

/** A parsed YAML document without its positions. Aliases are shared objects, so never walk it deeper than its meaning goes. */
export type YamlValue = string | PlainScalar | null | readonly YamlValue[] | YamlMap;

export const isList = (value: YamlValue): value is readonly YamlValue[] => Array.isArray(value);

export const isMap = (value: YamlValue): value is YamlMap =>
  typeof value === 'object' && value !== null && !isList(value) && !(value instanceof PlainScalar);

/** The text of a text, a number or a boolean; undefined for everything else. */
export const textOf = (value: YamlValue): string | undefined =>
  typeof value === 'string' ? value : value instanceof PlainScalar ? value.text : undefined;

/** What a person calls it, with the article. */
export function kindOf(value: YamlValue): string {
  if (value === null) return 'empty';
  if (typeof value === 'string') return 'a text';
  if (value instanceof PlainScalar) return `a ${value.kind}`;
  return isList(value) ? 'a list' : 'a map';
}
