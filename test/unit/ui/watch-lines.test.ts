import { expect, it } from 'vitest';
import { type WatchScene, watchLines } from '../../../src/ui/watch-lines.js';
import type { WatchEvent } from '../../../src/watch/watch-event.js';

const scene: WatchScene = { timing: false, isWatching: true, hasOutput: false };

function text(event: WatchEvent, given: Partial<WatchScene> = {}): string {
  const lines = watchLines(event, { ...scene, ...given });
  return 'type' in lines ? `as a push: ${lines.type}` : lines.map((line) => line.text).join('\n');
}

const batch = {
  files: 3,
  deleted: 1,
  bytes: 5,
  channel: 'warm',
  effect: 'restarted',
  durationMs: 142,
} as const;

it.each([
  [batch, '3 files, 1 deleted -> restarted in 142 ms'],
  [{ ...batch, files: 1, deleted: 0, effect: 'none' }, '1 file -> synced in 142 ms'],
  [
    { ...batch, files: 0, deleted: 2, effect: 'restarted-process' },
    '2 deleted -> process restarted in 142 ms',
  ],
] as const)('says what became of a batch in one line', (summary, line) => {
  expect(text({ type: 'batch', batch: summary })).toBe(line);
});

it('gives the parts of a batch only where they are asked for', () => {
  const timing = {
    detectMs: 4,
    scanMs: 1,
    packMs: 1,
    transferMs: 6,
    applyMs: 2,
    restartMs: 100,
    firstLineMs: 120,
  };
  expect(text({ type: 'batch-timing', timing })).toBe('');
  expect(text({ type: 'batch-timing', timing }, { timing: true })).toBe(
    'detect 4.0 ms, scan 1.0 ms, pack 1.0 ms, transfer 6.0 ms, apply 2.0 ms, restart 100.0 ms, first line 120.0 ms',
  );
  const together = { ...timing, applyMs: undefined };
  expect(text({ type: 'batch-timing', timing: together }, { timing: true })).toContain(
    'pack 1.0 ms, transfer and apply 6.0 ms, restart',
  );
});

it('shows the last lines of an app that ended only where its lines are not shown anyway', () => {
  const exited = {
    type: 'app-exited',
    app: 'a',
    exitCode: 1,
    restarts: false,
    lastLines: ['\u001b[31moh'],
  } as const;
  expect(text(exited)).toBe('a ended with exit code 1; the next change starts it again\n  oh');
  expect(text(exited, { hasOutput: true })).toBe('a ended with exit code 1; the next change starts it again');
});

it('explains a failed build once', () => {
  const failed = {
    type: 'build-failed',
    message: 'Dockerfile:2: no',
    hint: 'why\nso',
    oldAppRuns: true,
  } as const;
  expect(text({ ...failed, again: false })).toBe(
    'Dockerfile:2: no\n  why\n  so\nthe old app runs on, and the next change tries again',
  );
  expect(text({ ...failed, again: true })).toBe(
    'the build fails as before; the old app runs on, and the next change tries again',
  );
});

it('shows a first push as one without a watch, and says less of those in the background', () => {
  const done = { action: 'none', app: 'a', containerId: 'c', durationMs: 1 } as const;
  const event = { type: 'done', result: done } as const;
  expect(watchLines(event, { ...scene, isWatching: false })).toBe(event);
  expect(watchLines(event, scene)).toEqual([]);
});
