import { isList, isMap, PlainScalar, textOf, type YamlMap, type YamlValue } from './yaml-value.js';

/** True when a reader of the project file cannot tell them apart: `80` and `"80"` are one text, but `true` and `"true"` are two. */
export function sameValue(a: YamlValue, b: YamlValue): boolean {
  if (a === b) return true;
  if (isList(a) && isList(b))
    return a.length === b.length && a.every((item, index) => sameValue(item, b[index] ?? null));
  if (isMap(a) && isMap(b)) return sameMap(a, b);
  return isBoolean(a) === isBoolean(b) && textOf(a) !== undefined && scalarText(a) === scalarText(b);
}

function sameMap(a: YamlMap, b: YamlMap): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key] ?? null, b[key] ?? null));
}

const isBoolean = (value: YamlValue): boolean => value instanceof PlainScalar && value.kind === 'boolean';

const scalarText = (value: YamlValue): string | undefined =>
  isBoolean(value) ? textOf(value)?.toLowerCase() : textOf(value);
