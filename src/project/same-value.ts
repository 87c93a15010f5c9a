import { isList, isMap, PlainScalar, textOf, type YamlMap, type YamlValue } from './yaml-value.js';

/** True when a reader of the project file cannot tell them apart: `80` and `"80"` are one text, but `true` and `"true"` are two. */
export const sameValue = (a: YamlValue, b: YamlValue): boolean => new Comparison().isSame(a, b);

/** Aliases make one value part of many others, and of itself: each pair is compared once, since any difference ends all of it. */
class Comparison {
  private readonly compared = new Map<YamlValue, Set<YamlValue>>();

  isSame(a: YamlValue, b: YamlValue): boolean {
    if (a === b) return true;
    if (isList(a) && isList(b))
      return (
        a.length === b.length && (this.knows(a, b) || a.every((item, i) => this.isSame(item, b[i] ?? null)))
      );
    if (isMap(a) && isMap(b)) return this.knows(a, b) || this.isSameMap(a, b);
    return isBoolean(a) === isBoolean(b) && textOf(a) !== undefined && scalarText(a) === scalarText(b);
  }

  private isSameMap(a: YamlMap, b: YamlMap): boolean {
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && this.isSame(a[key] ?? null, b[key] ?? null));
  }

  /** Whether the pair has come before; from now on it has. */
  private knows(a: YamlValue, b: YamlValue): boolean {
    const partners = this.compared.get(a) ?? new Set();
    this.compared.set(a, partners);
    if (partners.has(b)) return true;
    partners.add(b);
    return false;
  }
}

const isBoolean = (value: YamlValue): boolean => value instanceof PlainScalar && value.kind === 'boolean';

const scalarText = (value: YamlValue): string | undefined =>
  isBoolean(value) ? textOf(value)?.toLowerCase() : textOf(value);
