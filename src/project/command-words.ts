import { accepted, type Parsed, refused } from './parsed.js';

/** A quoted part, an escaped character, plain text, or the space between words; the last alternative is a stray quote or backslash. */
const PIECE = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)|(\s+)|([^])/g;

/**
 * Splits a command as a POSIX shell would, without expanding anything: the image may have no shell to ask.
 * `sh -c 'a | b'` is how to get one.
 */
export function splitCommand(text: string): Parsed<readonly string[]> {
  const words: string[] = [];
  let word: string | undefined;
  for (const [, single, double, escaped, plain, space, stray] of text.matchAll(PIECE)) {
    if (stray !== undefined)
      return refused(stray === '\\' ? 'ends in a backslash' : `has an unclosed quote (${stray})`);
    if (space !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word =
        (word ?? '') +
        (single ?? double?.replace(/\\(["\\$`\n])/g, unescaped) ?? unescaped('', escaped ?? plain ?? ''));
    }
  }
  if (word !== undefined) words.push(word);
  return words.length > 0 ? accepted(words) : refused('must not be empty');
}

const unescaped = (_: string, character: string): string => (character === '\n' ? '' : character);
