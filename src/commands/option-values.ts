import { InvalidArgumentError } from 'commander';

/** An unset variable of a shell must not name the working directory, or nothing. */
export function filled(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

/** For an option that may be given several times. */
export const repeated = (text: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  filled(text),
];
