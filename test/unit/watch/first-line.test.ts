import { expect, it } from 'vitest';
import type { LogLine } from '../../../src/logs/log-line.js';
import type { AppLog } from '../../../src/watch/app-log.js';
import { FirstLine } from '../../../src/watch/first-line.js';
import { FakeClock } from '../push/fake-clock.js';

type Hearer = (lines: readonly LogLine[]) => void;

function listening(): {
  clock: FakeClock;
  first: FirstLine;
  say: (second: number) => void;
  hearers: Set<Hearer>;
} {
  const hearers = new Set<Hearer>();
  const hear: AppLog['hear'] = (hearer, signal) => {
    hearers.add(hearer);
    signal.addEventListener('abort', () => hearers.delete(hearer));
  };
  const clock = new FakeClock();
  const first = new FirstLine({ hear } as Pick<AppLog, 'hear'> as AppLog, clock);
  const say = (second: number): void => {
    const time = `2026-01-01T00:00:0${second}.000000000Z`;
    for (const hearer of hearers) hearer([{ app: 'a', stream: 'stdout', time, bytes: Buffer.from('x') }]);
  };
  return { clock, first, say, hearers };
}

const after =
  (second: number) =>
  ({ time }: { time: string }) =>
    time > `2026-01-01T00:00:0${second}.9`;

it('is one of the new run, whatever the old one said until its end', async () => {
  const { clock, first, say, hearers } = listening();
  say(1);
  const found = first.atMs(after(2));
  await clock.advance(10);
  say(2);
  await clock.advance(20);
  say(3);
  expect(await found).toBe(30);
  expect(hearers.size).toBe(0);
});

it('may have been there before anybody asked', async () => {
  const { first, say } = listening();
  say(1);
  say(3);
  expect(await first.atMs(after(2))).toBe(0);
});

it('is not listened for without end, when nobody asks', async () => {
  const { clock, hearers } = listening();
  await clock.advance(3_000);
  await Promise.resolve();
  expect(hearers.size).toBe(0);
});

it('is not waited for without end', async () => {
  const { clock, first, hearers } = listening();
  const found = first.atMs(after(2));
  await clock.advance(3_000);
  expect(await found).toBeUndefined();
  expect(hearers.size).toBe(0);
});
