export type YamlPath = readonly (string | number)[];

/** Something wrong with a project file, by its place in the data; where that is in the text is found only when it is needed. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly path: YamlPath;
  /** Points at the key or at its value. */
  readonly at: 'key' | 'value';
  /** One line, never with a value of an environment variable in it. */
  readonly message: string;
}

/** A problem with its place in the text. */
export interface LocatedProblem {
  readonly severity: Problem['severity'];
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export const describeProblem = ({ file, line, column, message }: LocatedProblem): string =>
  `${file}:${line}:${column}: ${message}`;
