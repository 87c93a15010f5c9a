import { accepted, type Parsed, quoted, refused } from './parsed.js';

const MS_OF_UNIT = { ms: 1, s: 1000 } as const;
const LONGEST_MS = 10 * 60 * 1000;

/** `2`, `2s`, `0.5s` or `500ms` in milliseconds; at most ten minutes. */
export function parseDurationMs(text: string): Parsed<number> {
  const shape = /^([0-9]+(?:\.[0-9]+)?)\s*(ms|s)?$/.exec(text);
  if (shape === null) return refused(`must be a time such as 500ms or 2s, not ${quoted(text)}`);
  const unit = (shape[2] ?? 's') as keyof typeof MS_OF_UNIT;
  const ms = Math.round(Number(shape[1]) * MS_OF_UNIT[unit]);
  return ms <= LONGEST_MS ? accepted(ms) : refused(`must be at most ten minutes, not ${quoted(text)}`);
}
