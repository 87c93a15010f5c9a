import { accepted, type Parsed, quoted, refused } from '../project/parsed.js';

/** A point in time as typed: so long before the device's now, or a date. */
export type LogTime =
  | { readonly kind: 'ago'; readonly ms: number }
  /** RFC 3339 in UTC with nanoseconds. */
  | { readonly kind: 'at'; readonly time: string };

const MS_OF_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof MS_OF_UNIT;

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const RFC_3339 = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?)?$/;

/** `10m`, `1h30m`, or a date of RFC 3339; a time without a zone is one of UTC, and a day begins at midnight. */
export function parseLogTime(text: string): Parsed<LogTime> {
  if (DURATION.test(text)) {
    const parts = [...text.matchAll(PART)];
    return accepted({
      kind: 'ago',
      ms: parts.reduce((sum, [, number, unit]) => sum + Number(number) * MS_OF_UNIT[unit as Unit], 0),
    });
  }
  const time = parseDate(text);
  if (time !== undefined) return accepted({ kind: 'at', time });
  return refused(`must be a time such as 10m, 1h30m or 2026-01-31T12:00:00Z, not ${quoted(text)}`);
}

function parseDate(text: string): string | undefined {
  const shape = RFC_3339.exec(text);
  if (shape === null) return undefined;
  const [, day = '', minute = '00:00', second = ':00', fraction = '', zone = 'Z'] = shape;
  const ms = Date.parse(`${day}T${minute}${second}${zone.toUpperCase()}`);
  // 31 February is a day for Date.parse in some places, and none for people.
  if (Number.isNaN(ms) || (zone.toUpperCase() === 'Z' && new Date(ms).getUTCDate() !== Number(day.slice(8))))
    return undefined;
  return withNanoseconds(ms, fraction);
}

/** As `LogLine.time`. */
export function timeOf(time: LogTime, deviceTimeMs: number): string {
  // No log is older than 1970, and JavaScript knows no time before -271821.
  return time.kind === 'at' ? time.time : withNanoseconds(Math.max(0, deviceTimeMs - time.ms));
}

function withNanoseconds(ms: number, fraction = ''): string {
  const [second = '', millis = ''] = new Date(ms).toISOString().split(/[.Z]/);
  return `${second}.${(fraction || millis).padEnd(9, '0')}Z`;
}
