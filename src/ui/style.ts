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

const COLOURED: Style = {
  dim: (text) => styleText('dim', text),
  bold: (text) => styleText('bold', text),
  red: (text) => styleText('red', text),
  yellow: (text) => styleText('yellow', text),
  green: (text) => styleText('green', text),
};

/** Colours only for a terminal that can show them, and for people who did not ask for none (https://no-color.org). */
export function styleFor(stream: { isTTY?: boolean }, env: Runtime['env']): Style {
  const wanted = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return wanted ? COLOURED : PLAIN;
}
