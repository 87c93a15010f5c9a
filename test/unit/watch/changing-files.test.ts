import { expect, it } from 'vitest';
import { ChangingFiles } from '../../../src/watch/changing-files.js';

const uploading = (...uploads: readonly string[]) => ({ uploads, deletions: [], obstacles: [] });

/** What is told of when the file is changing in so many batches, one each `everyMs`. */
function toldBy(batches: number, everyMs: number): string[] {
  const changing = new ChangingFiles();
  return Array.from({ length: batches }, (_, at) => changing.hear(['big'], at * everyMs)).flat();
}

it('waits longer each time, up to some seconds, and begins anew when the file has arrived', () => {
  const changing = new ChangingFiles();
  const pauseMs = (...paths: readonly string[]): number => {
    changing.hear(paths, 0);
    return changing.beginPause().ms;
  };
  expect(Array.from({ length: 8 }, () => pauseMs('big'))).toEqual([
    100, 200, 400, 800, 1_600, 3_200, 3_200, 3_200,
  ]);
  expect(pauseMs('big', 'other')).toBe(100);
  changing.hear([], 0);
  expect(pauseMs('big')).toBe(100);
});

it('lets events have it sent at first, and then only the end of the pause, or another file', () => {
  const changing = new ChangingFiles();
  for (let times = 0; times < 2; times++) {
    changing.hear(['big'], 0);
    changing.beginPause();
    expect(changing.mustWait(uploading('big'))).toBe(false);
  }
  changing.hear(['big'], 0);
  const pause = changing.beginPause();
  expect(changing.mustWait(uploading('big'))).toBe(true);
  expect(changing.mustWait(uploading('big', 'a.js'))).toBe(false);
  expect(changing.mustWait({ ...uploading('big'), deletions: [{ path: 'b', kind: 'file' }] })).toBe(false);
  expect(pause.end()).toBe(true);
  expect(changing.mustWait(uploading('big'))).toBe(false);
});

it('ends no pause that another batch has ended', () => {
  const changing = new ChangingFiles();
  changing.hear(['big'], 0);
  const first = changing.beginPause();
  changing.hear(['big'], 0);
  const second = changing.beginPause();
  expect([first.end(), second.end()]).toEqual([false, true]);
});

it('tells of a file that does not come to rest for long, once', () => {
  expect(toldBy(10, 1_000)).toEqual([]);
  expect(toldBy(3, 20_000)).toEqual([]);
  expect(toldBy(100, 1_000)).toEqual(['big']);
});
