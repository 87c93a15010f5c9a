/**
 * Controls, format marks (bidirectional overrides, zero-width characters), line and paragraph separators, lone surrogates,
 * private use: text that came from the network may hold them, and a terminal would act on them.
 */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** The text with every character that a terminal might act on written as `\u{1b}`. */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
