import { FAILSAFE_SCHEMA, load, Type, YAMLException } from 'js-yaml';
import { PlainScalar, type YamlValue } from '../yaml-value.js';

/** The grammars of YAML 1.2's core schema, as the `yaml` package has them: what one of the two reads as text, the other does too. */
const NULL = /^(?:~|[Nn]ull|NULL)?$/;
const BOOLEAN = /^(?:[Tt]rue|TRUE|[Ff]alse|FALSE)$/;
const NUMBER =
  /^(?:0o[0-7]+|0x[0-9a-fA-F]+|[-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$/;

const plain = (tag: string, grammar: RegExp, construct: (text: string) => YamlValue): Type =>
  new Type(`tag:yaml.org,2002:${tag}`, {
    kind: 'scalar',
    resolve: (text: string | null) => (text === null ? tag === 'null' : grammar.test(text)),
    construct,
  });

/** No merge keys, dates or binaries: nothing in a project file needs them, and `<<` is how a small file becomes a huge one. */
const SCHEMA = FAILSAFE_SCHEMA.extend({
  implicit: [
    plain('null', NULL, () => null),
    plain('bool', BOOLEAN, (text) => new PlainScalar('boolean', text)),
    plain('float', NUMBER, (text) => new PlainScalar('number', text)),
  ],
});

export type ParsedYaml =
  | { readonly ok: true; readonly data: YamlValue }
  /** `line` and `column` from 1. */
  | {
      readonly ok: false;
      readonly line: number;
      readonly column: number;
      readonly reason: string;
      readonly cause: Error;
    };

/** One YAML document without its positions. Costs 7 ms of import where the `yaml` package costs 34. A key given twice is an error. */
export function parseYaml(text: string): ParsedYaml {
  try {
    return { ok: true, data: (load(text, { schema: SCHEMA }) ?? null) as YamlValue };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line = 0, column = 0 } = (error.mark as { line?: number; column?: number } | undefined) ?? {};
    return { ok: false, line: line + 1, column: column + 1, reason: error.reason, cause: error };
  }
}
