/** Replaces the characters from `start` to before `end`. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Edits must not overlap. Of insertions at one place, the first of the list comes first. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const ordered = edits
    .map((edit, index) => ({ edit, index }))
    .sort((a, b) => a.edit.start - b.edit.start || a.edit.end - b.edit.end || a.index - b.index);
  let result = '';
  let position = 0;
  for (const { edit } of ordered) {
    result += text.slice(position, Math.max(position, edit.start)) + edit.text;
    position = Math.max(position, edit.end);
  }
  return result + text.slice(position);
}

/** The line break that the text uses first. */
export const lineBreakOf = (text: string): '\n' | '\r\n' => (/^[^\n]*\r\n/.test(text) ? '\r\n' : '\n');

/** Where the line of `offset` begins. */
export const lineStart = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1;

/** Where the line after that of `offset` begins; `offset` itself when it is at the start of a line already. */
export function nextLine(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset;
  const lineFeed = text.indexOf('\n', offset);
  return lineFeed < 0 ? text.length : lineFeed + 1;
}

export const indentLines = (lines: string, indent: string, lineBreak: string): string =>
  lines
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => (line === '' ? lineBreak : indent + line + lineBreak))
    .join('');
