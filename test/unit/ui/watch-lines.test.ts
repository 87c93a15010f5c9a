import { expect, it } from 'vitest';
import type { PushEvent } from '../../../src/push/push-event.js';
import { type WatchLine, type WatchScene, watchLines } from '../../../src/ui/watch-lines.js';
import type { WatchEvent } from '../../../src/watch/watch-event.js';

const scene: WatchScene = { timing: false, isWatching: true, hasOutput: false };

const text = (event: WatchEvent, given: Partial<WatchScene> = {}): string =>
  linesOf(event, given)
    .map((line) => line.text)
    .join('\n');

function linesOf(event: PushEvent | WatchEvent, given: Partial<WatchScene> = {}): readonly WatchLine[] {
  const lines = watchLines(event, { ...scene, ...given });
  if ('type' in lines) throw new Error(`it is shown as a push shows it: ${lines.type}`);
  return lines;
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
] as const)('says what became of a batch in one dim line', (summary, line) => {
  expect(linesOf({ type: 'batch', batch: summary })).toEqual([{ text: line, weight: 'dim' }]);
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

const reasons = ['package.json changed', 'Dockerfile changed'];

it.each<readonly [string, PushEvent | WatchEvent]>([
  ['watching (inotify); Ctrl-C ends, and a runs on', { type: 'watching', app: 'a', how: 'inotify' }],
  [
    'building a anew in the background: package.json changed; Dockerfile changed',
    { type: 'decision', app: 'a', decision: { action: 'build', reasons } },
  ],
  ['a change waits for the build', { type: 'changes-wait' }],
  ['package.json changed; Dockerfile changed: the build starts again', { type: 'build-restarted', reasons }],
  ['.resin-sync.yml changed', { type: 'project-changed' }],
  ['in step again after 3.4 s', { type: 'device-back', afterMs: 3_400 }],
  ['a was removed: it is built again', { type: 'app-changed', app: 'a', what: 'removed' }],
  [
    'a was replaced by somebody else: it is compared with the folder',
    { type: 'app-changed', app: 'a', what: 'replaced' },
  ],
  ['a was restarted by somebody else', { type: 'app-changed', app: 'a', what: 'restarted' }],
  ['a is paused: changes wait until it goes on', { type: 'app-changed', app: 'a', what: 'paused' }],
  [
    'still not synced: no space left',
    { type: 'batch-failed', message: 'no space left\nat all', hint: 'why', again: true },
  ],
  ['a goes on', { type: 'app-changed', app: 'a', what: 'resumed' }],
])('says "%s", dimly', (line, event) => {
  expect(linesOf(event)).toEqual([{ text: line, weight: 'dim' }]);
});

it('says in yellow that the device is lost, that a batch failed, and that the project file is wrong', () => {
  const hint = 'why';
  expect([
    ...linesOf({ type: 'device-lost', reason: 'The device does not answer.' }),
    ...linesOf({ type: 'batch-failed', message: 'no space left', hint, again: false }),
    ...linesOf({ type: 'project-refused', message: 'it is no YAML', hint }),
  ]).toEqual([
    { text: 'The device does not answer. Trying again (Ctrl-C ends).', weight: 'yellow' },
    { text: 'no space left; nothing is lost, the next change tries again', weight: 'yellow' },
    { text: '  why', weight: 'dim' },
    { text: 'it is no YAML; what it said before holds on', weight: 'yellow' },
    { text: '  why', weight: 'dim' },
  ]);
});

it('says in red why a build failed', () => {
  const failed = { message: 'Dockerfile:2: no', hint: 'why', again: false, oldAppRuns: true };
  expect(linesOf({ type: 'build-failed', ...failed }).map(({ weight }) => weight)).toEqual([
    'red',
    'dim',
    'dim',
  ]);
});

it('says in yellow that an app has failed, and dimly that one has ended', () => {
  const exited = { type: 'app-exited', app: 'a', restarts: true, lastLines: [] } as const;
  expect([1, 0].map((exitCode) => linesOf({ ...exited, exitCode }))).toEqual([
    [{ text: 'a ended with exit code 1; the engine starts it again', weight: 'yellow' }],
    [{ text: 'a ended with exit code 0; the engine starts it again', weight: 'dim' }],
  ]);
});

it('says nothing of a push in the background that only syncs', () => {
  expect(
    linesOf({
      type: 'decision',
      app: 'a',
      decision: { action: 'sync', reasons: ['no build trigger changed'] },
    }),
  ).toEqual([]);
});
