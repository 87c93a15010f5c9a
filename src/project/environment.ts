import { accepted, type Parsed, refused } from './parsed.js';

export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

/** `KEY=VALUE`. Reasons never repeat the text: it may be a secret. */
export function parseEnvironmentEntry(text: string): Parsed<EnvironmentVariable> {
  const equals = text.indexOf('=');
  if (equals < 0) return refused('must be KEY=VALUE');
  return environmentVariable(text.slice(0, equals), text.slice(equals + 1));
}

export function environmentVariable(name: string, value: string): Parsed<EnvironmentVariable> {
  if (name === '') return refused('must be KEY=VALUE: the key is missing');
  if (/[\s=\p{Cc}]/u.test(name))
    return refused('has a key with a space, an equals sign or a control character');
  return value.includes('\0')
    ? refused(`has a value with a NUL character (${name})`)
    : accepted({ name, value });
}

export const formatEnvironmentEntry = ({ name, value }: EnvironmentVariable): string => `${name}=${value}`;

/** The last value of a name counts, in the place of the first: as `docker run -e` has it. */
export function lastOfEachName(variables: readonly EnvironmentVariable[]): readonly EnvironmentVariable[] {
  return [...new Map(variables.map((variable) => [variable.name, variable])).values()];
}
