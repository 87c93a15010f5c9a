/** Those of the names that are among the words of the command line; all of them where none is. */
export function namedIn<T extends string>(words: readonly string[], names: readonly T[]): readonly T[] {
  const wanted = names.filter((name) => words.includes(name));
  return wanted.length === 0 ? names : wanted;
}
