import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProgressLine } from '../../../src/ui/progress-line.js';

/** What two steps and the end of a sync write. */
function written(wanted: boolean, isTTY: boolean, env: Record<string, string> = {}): string {
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const line = new ProgressLine({ stderr, env: { NO_COLOR: '1', ...env } });
  line.wanted = wanted;
  line.show(3_200_000, 10_000_000);
  line.show(10_000_000, 10_000_000);
  line.clear();
  return String(stderr.read() ?? '');
}

const LINES = 'sending 3.2 MB of 10.0 MB\nsending 10.0 MB of 10.0 MB\n';

describe('the progress of a sync', () => {
  it.each([true, false])('is one line on a terminal, drawn over and gone in the end: wanted %s', (wanted) => {
    const up = '\r\u001b[1A\u001b[J';
    const [first = '', second = ''] = LINES.split('\n');
    expect(written(wanted, true)).toBe(`${first}\n${up}${second}\n${up}`);
  });

  it('is a line each elsewhere, for those who want it', () => {
    expect(written(true, false)).toBe(LINES);
    expect(written(false, false)).toBe('');
  });

  it('is a line each on a terminal that cannot go back, for those who want it', () => {
    expect(written(true, true, { TERM: 'dumb' })).toBe(LINES);
    expect(written(false, true, { TERM: 'dumb' })).toBe('');
  });
});
