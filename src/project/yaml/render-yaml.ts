import { Scalar, stringify, type ToStringOptions } from 'yaml';
import { isList, isMap, PlainScalar, type YamlValue } from '../yaml-value.js';

/** A text with line breaks goes in quotes on one line: a block text would swallow the indented comment after it. */
const ONE_LINE: ToStringOptions = {
  lineWidth: 0,
  blockQuote: false,
  doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
};

/** Whole lines, ended by a line feed: block style, nothing folded, and quoted where YAML 1.1 readers would see something else. */
export const renderYaml = (value: YamlValue): string =>
  stringify(plainData(value), { ...ONE_LINE, compat: 'yaml-1.1', aliasDuplicateObjects: false });

/** A scalar for the place of another, in its style of quotes; on one line. */
export function renderScalar(value: YamlValue, like: unknown): string {
  const data = plainData(value);
  if (typeof data !== 'string') return String(data);
  const scalar = new Scalar(data);
  const isQuoted = like === Scalar.QUOTE_SINGLE || like === Scalar.QUOTE_DOUBLE;
  scalar.type = /\n/.test(data) ? Scalar.QUOTE_DOUBLE : isQuoted ? like : Scalar.PLAIN;
  return stringify(scalar, { ...ONE_LINE, compat: 'yaml-1.1' }).replace(/\n$/, '');
}

/** What the `yaml` package takes. A number goes as its text: it is read by its text, too. */
export function plainData(value: YamlValue): unknown {
  if (value instanceof PlainScalar)
    return value.kind === 'boolean' ? value.text.toLowerCase() === 'true' : value.text;
  if (isList(value)) return value.map(plainData);
  if (isMap(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainData(item)]));
  return value;
}
