import { environmentVariable, type EnvironmentVariable, parseEnvironmentEntry } from './environment.js';
import { accepted, type Parsed, refused } from './parsed.js';
import type { Problem, YamlPath } from './problem.js';
import { isList, isMap, kindOf, PlainScalar, textOf, type YamlValue } from './yaml-value.js';

/** Reads values into exact types; what is wrong is noted with its path, and reads as undefined. */
export class YamlReader {
  readonly problems: Problem[] = [];

  refuse(path: YamlPath, reason: string, at: Problem['at'] = 'value'): void {
    this.problems.push({ severity: 'error', path, at, message: `${describePath(path)} ${reason}` });
  }

  warn(path: YamlPath, message: string, at: Problem['at'] = 'value'): void {
    this.problems.push({ severity: 'warning', path, at, message });
  }

  accept<T>(parsed: Parsed<T>, path: YamlPath): T | undefined {
    if (parsed.ok) return parsed.value;
    this.refuse(path, parsed.reason);
    return undefined;
  }

  /** A text, or a number or boolean by its text: an app may be called 2048. */
  scalar<T>(value: YamlValue, path: YamlPath, parse: (text: string) => Parsed<T>): T | undefined {
    const text = textOf(value);
    return this.accept(text === undefined ? mustBe('a text', value) : parse(text), path);
  }

  /** Strictly a text: for what is run as a command, where a number can only be a mistake. */
  text(value: YamlValue, path: YamlPath): string | undefined {
    return this.accept(typeof value === 'string' ? accepted(value) : mustBe('a text', value), path);
  }

  boolean(value: YamlValue, path: YamlPath): boolean | undefined {
    const isBoolean = value instanceof PlainScalar && value.kind === 'boolean';
    return this.accept(
      isBoolean ? accepted(value.text.toLowerCase() === 'true') : mustBe('true or false', value),
      path,
    );
  }

  list<T>(value: YamlValue, path: YamlPath, parse: (text: string) => Parsed<T>): readonly T[] | undefined {
    const list = this.accept(isList(value) ? accepted(value) : mustBe('a list', value), path);
    return list
      ?.map((item, index) => this.scalar(item, [...path, index], parse))
      .filter((item) => item !== undefined);
  }

  /** A list of `KEY=VALUE`, or a map. */
  environment(value: YamlValue, path: YamlPath): readonly EnvironmentVariable[] | undefined {
    if (!isMap(value)) return this.list(value, path, parseEnvironmentEntry);
    return Object.entries(value)
      .map(([name, item]) =>
        item === null
          ? this.accept(refused('is empty; write "" for a variable without a value'), [...path, name])
          : this.scalar(item, [...path, name], (text) => environmentVariable(name, text)),
      )
      .filter((variable) => variable !== undefined);
  }
}

const mustBe = (wanted: string, value: YamlValue): Parsed<never> =>
  refused(`must be ${wanted}, and is ${kindOf(value)}`);

/** `local_resinos.ports` -> `ports`; `ignore.0` -> `item 1 of ignore`: the file, line and column say the rest. */
function describePath(path: YamlPath): string {
  const last = path.at(-1);
  if (last === undefined) return 'the file';
  if (typeof last === 'string') return last;
  return `item ${last + 1} of ${path.filter((step) => typeof step === 'string').at(-1) ?? 'the list'}`;
}
