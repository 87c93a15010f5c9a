import { stripVTControlCharacters } from 'node:util';
import { printable } from '../discovery/printable.js';

const TAB_COLUMNS = 8;

/**
 * A line that a program on the device has put out, as it may be shown: without colours and cursor movements, which could
 * paint over what is ours. Of a line that was rewritten with carriage returns, such as a progress bar, the last state.
 */
export function shownLine(line: string): string {
  const states = stripVTControlCharacters(line).split('\r');
  const last = states.findLast((state) => state !== '') ?? '';
  return printable(withoutTabs(last));
}

/** Each line of a text as `shownLine` has it. */
export const shownText = (text: string): string => text.split('\n').map(shownLine).join('\n');

const withoutTabs = (text: string): string =>
  text
    .split('\t')
    .reduce(
      (before, after) => before.padEnd((Math.floor(before.length / TAB_COLUMNS) + 1) * TAB_COLUMNS) + after,
    );
