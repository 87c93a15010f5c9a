import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LogCursor } from '../../../src/logs/log-cursor.js';
import { at } from './lines.js';

interface Message {
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
}

/** What an engine has for a question: it only knows times. */
const since = (log: readonly Message[], time: string | undefined) =>
  log.filter((message) => time === undefined || message.time >= time);

it('lets each message pass exactly once, however often the log is opened', () => {
  const message = fc.record({
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    stepMs: fc.constantFrom(0, 0, 1, 900, 7_000),
    /** The outputs are stamped by threads of their own. */
    lateMs: fc.constantFrom(0, 0, 300),
  });
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat(30)), (steps, cuts) => {
      let nowMs = 0;
      const clock = { stdout: 0, stderr: 0 };
      const log = steps.map(({ stream, stepMs, lateMs }, index) => {
        nowMs += stepMs;
        clock[stream] = Math.max(clock[stream], nowMs - lateMs);
        return { stream, time: at(10 + clock[stream] / 1_000), index };
      });
      const cursor = new LogCursor();
      const passed: number[] = [];
      for (const cut of [...cuts, Infinity]) {
        const answer = since(log, cursor.since(at(0))) as typeof log;
        cursor.rewind();
        for (const { stream, time, index } of answer.slice(0, cut))
          if (cursor.isNew(stream, time)) passed.push(index);
      }
      expect(passed).toEqual(log.map(({ index }) => index));
    }),
  );
});

it('goes on when the device wakes up with an older clock', () => {
  const cursor = new LogCursor();
  const before = [1_000, 1_001, 1_001].map((seconds) => ({ stream: 'stdout' as const, time: at(seconds) }));
  cursor.since(at(900));
  for (const { stream, time } of before) cursor.isNew(stream, time);
  const log = [
    ...before,
    { stream: 'stdout' as const, time: at(501) },
    { stream: 'stdout' as const, time: at(502) },
  ];
  const answer = since(log, cursor.since(at(500)));
  cursor.rewind();
  expect(answer.filter(({ stream, time }) => cursor.isNew(stream, time))).toEqual(log.slice(3));
});
