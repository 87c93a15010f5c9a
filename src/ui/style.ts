import { styleText } from 'node:util';
import type { Runtime } from '../runtime.js';

type Paint = (text: string) => string;

export interface Style {
  readonly dim: Paint;
  readonly bold: Paint;
  readonly red: Paint;
  readonly yellow: Paint;
  readonly green: Paint;
}

const plain: Paint = (text) => text;
const PLAIN: Style = { dim: plain, bold: plain, red: plain, yellow: plain, green: plain };

/** Left to itself, styleText asks process.stdout, which may be a pipe while stderr is the terminal. */
const painted = (format: keyof Style, text: string): string =>
  styleText(format, text, { validateStream: false });

const COLOURED: Style = {
  dim: (text) => painted('dim', text),
  bold: (text) => painted('bold', text),
  red: (text) => painted('red', text),
  yellow: (text) => painted('yellow', text),
  green: (text) => painted('green', text),
};

/** Colours only for a terminal that can show them, and for people who did not ask for none (https://no-color.org). */
export function styleFor(stream: { isTTY?: boolean }, env: Runtime['env']): Style {
  const wanted = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return wanted ? COLOURED : PLAIN;
}
