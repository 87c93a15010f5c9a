import { ExitCode, RdtError } from '../../errors.js';

const UNIX_SECONDS = /^\d+(\.\d{1,9})?$/;
const RFC_3339 = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** The engine's log filters know Unix seconds (with nanoseconds) only. Takes those or RFC 3339; throws an `RdtError` (usage) for anything else. */
export const toUnixSeconds = (time: string): string => {
  if (UNIX_SECONDS.test(time)) return time;
  const [, toSecond = '', fraction = '', zone = ''] = RFC_3339.exec(time) ?? [];
  const seconds = Date.parse(`${toSecond}${zone}`) / 1_000;
  if (Number.isNaN(seconds)) {
    throw new RdtError(`${time} is no time.`, {
      exitCode: ExitCode.usage,
      hint: 'Give it as 2026-01-31T12:00:00Z or in seconds since 1970.',
    });
  }
  return fraction === '' ? String(seconds) : `${seconds}.${fraction}`;
};
