import { expect, it } from 'vitest';
import { parseLogTime, timeOf } from '../../../src/logs/log-time.js';

const NOW = Date.UTC(2026, 0, 31, 12);

const read = (text: string) => {
  const parsed = parseLogTime(text);
  return parsed.ok ? timeOf(parsed.value, NOW) : parsed.reason;
};

it.each([
  ['10m', '2026-01-31T11:50:00.000000000Z'],
  ['1h30m', '2026-01-31T10:30:00.000000000Z'],
  ['1.5s', '2026-01-31T11:59:58.500000000Z'],
  ['2d', '2026-01-29T12:00:00.000000000Z'],
  ['200000000d', '1970-01-01T00:00:00.000000000Z'],
  ['2026-01-30', '2026-01-30T00:00:00.000000000Z'],
  ['2026-01-30T10:11:12Z', '2026-01-30T10:11:12.000000000Z'],
  ['2026-01-30T10:11:12.123456789+02:00', '2026-01-30T08:11:12.123456789Z'],
])('%s is %s', (text, time) => expect(read(text)).toBe(time));

it.each(['', '10', 'm', '10 m', '-5m', '2026-13-01', '2026-02-31', 'yesterday'])('%j is no time', (text) =>
  expect(read(text)).toContain('must be a time such as 10m'),
);
