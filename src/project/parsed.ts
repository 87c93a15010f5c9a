/** What became of a text from outside: a value of an exact type, or the reason (a clause without subject: `must be ...`). */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

export const accepted = <T>(value: T): Parsed<T> => ({ ok: true, value });

export const refused = (reason: string): Parsed<never> => ({ ok: false, reason });

/** Parses each text; refuses with the reason of the first that is refused. */
export function parseEach<T>(
  texts: readonly string[],
  parse: (text: string) => Parsed<T>,
): Parsed<readonly T[]> {
  const values: T[] = [];
  for (const text of texts) {
    const item = parse(text);
    if (!item.ok) return item;
    values.push(item.value);
  }
  return accepted(values);
}

/** A text that is safe to repeat in a one-line message: control characters escaped, cut at 60 characters. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return `'${short.replace(/\p{Cc}/gu, (c) => JSON.stringify(c).slice(1, -1))}'`;
}

/** C0, DEL and C1 characters: never meant in a path, and able to garble a terminal. */
export const hasControlCharacter = (text: string): boolean => /\p{Cc}/u.test(text);
