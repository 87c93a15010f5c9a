import { accepted, type Parsed, refused } from './parsed.js';

/** A continued line, a quoted part, an escaped character, plain text, the space between words, or a quote or backslash without its end. */
const PIECE =
  /(?<continued>\\\n)|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\[^])*)"|\\(?<escaped>[^])|(?<plain>[^\s'"\\]+)|(?<space>\s+)|(?<stray>[^])/g;

/**
 * Splits a command as a POSIX shell would, without expanding anything: the image may have no shell to ask.
 * `sh -c 'a | b'` is how to get one.
 */
export function splitCommand(text: string): Parsed<readonly string[]> {
  const words: string[] = [];
  let word: string | undefined;
  for (const { groups = {} } of text.matchAll(PIECE)) {
    const { continued, single, double, escaped, plain, space, stray } = groups;
    if (stray !== undefined) return refused(unfinished(stray));
    if (continued !== undefined) continue;
    if (space === undefined) {
      word = (word ?? '') + (single ?? double?.replace(ESCAPED_IN_QUOTES, '$1') ?? escaped ?? plain ?? '');
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words.length > 0 ? accepted(words) : refused('must not be empty');
}

/** Within double quotes, a backslash before any other character is a backslash; before a line feed, both go. */
const ESCAPED_IN_QUOTES = /\\(?:\n|(["\\$`]))/g;

const unfinished = (stray: string): string =>
  stray === '\\' ? 'ends in a backslash' : `has an unclosed quote (${stray})`;
