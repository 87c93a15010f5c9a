import { describe, expect, it } from 'vitest';
import { QuietPeriod } from '../../../src/watch/quiet-period.js';

describe('QuietPeriod', () => {
  it('is due never as long as nothing is touched', () => {
    expect(new QuietPeriod().dueAtMs).toBeUndefined();
  });

  it('takes one file 4 ms after its last event', () => {
    const quiet = new QuietPeriod();
    quiet.touch('a', 100);
    quiet.touch('a', 103);
    expect(quiet.dueAtMs).toBe(107);
    expect([...(quiet.oneSave ?? [])]).toEqual(['a']);
  });

  it('takes the few paths of an atomic save as quickly', () => {
    const quiet = new QuietPeriod();
    for (const path of ['a.tmp', 'a~', 'a']) quiet.touch(path, 100);
    expect(quiet.dueAtMs).toBe(104);
  });

  it('waits 25 ms after the last event of many paths', () => {
    const quiet = new QuietPeriod();
    for (let file = 0; file < 10; file++) quiet.touch(`f${file}`, 100 + file);
    expect(quiet.dueAtMs).toBe(134);
    expect(quiet.oneSave).toBeUndefined();
  });

  it('waits 25 ms when it is unknown what was touched', () => {
    const quiet = new QuietPeriod();
    quiet.touch(undefined, 100);
    expect(quiet.dueAtMs).toBe(125);
  });

  it('waits the full time for a save that is in doubt', () => {
    const quiet = new QuietPeriod();
    quiet.touch('a', 100);
    quiet.doubt();
    expect(quiet.dueAtMs).toBe(125);
  });

  it.each([undefined, 'a'])(
    'is due 250 ms after the first event, however long events of %s keep coming',
    (path) => {
      const quiet = new QuietPeriod();
      for (let ms = 0; ms <= 300; ms += 3) quiet.touch(path, 100 + ms);
      expect(quiet.dueAtMs).toBe(350);
      expect(quiet.firstEventAtMs).toBe(100);
    },
  );

  it('is held as long as somebody is at work, and the longest time counts from then', () => {
    const quiet = new QuietPeriod();
    quiet.touch('a', 100);
    quiet.hold(2000);
    expect(quiet.dueAtMs).toBe(2025);
    quiet.touch('b', 2020);
    expect(quiet.dueAtMs).toBe(2045);
    expect(quiet.firstEventAtMs).toBe(100);
  });

  it('waits 25 ms for a file that a program goes on to write after it was taken', () => {
    const quiet = new QuietPeriod();
    quiet.touch('a', 100);
    for (const pieceMs of [110, 150]) {
      quiet.clear();
      quiet.touch('a', pieceMs);
      expect(quiet.dueAtMs).toBe(pieceMs + 25);
    }
    quiet.clear();
    quiet.touch('b', 160);
    expect(quiet.dueAtMs).toBe(164);
    quiet.clear();
    quiet.touch('b', 260);
    expect(quiet.dueAtMs).toBe(264);
  });

  it('begins anew', () => {
    const quiet = new QuietPeriod();
    quiet.touch(undefined, 100);
    quiet.clear();
    expect(quiet.dueAtMs).toBeUndefined();
    quiet.touch('a', 500);
    expect(quiet.dueAtMs).toBe(504);
  });
});
