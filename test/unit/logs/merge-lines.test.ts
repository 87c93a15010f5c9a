import { expect, it } from 'vitest';
import type { LogLine } from '../../../src/logs/log-line.js';
import { mergeByTime } from '../../../src/logs/merge-lines.js';
import { line, texts } from './lines.js';

async function* batches(...all: (readonly LogLine[])[]) {
  for (const batch of all) yield await Promise.resolve(batch);
}

async function merged(...args: Parameters<typeof mergeByTime>): Promise<string[]> {
  const lines: LogLine[] = [];
  for await (const batch of mergeByTime(...args)) lines.push(...batch);
  return texts(lines);
}

it('brings the lines of several logs into the order of their times', async () => {
  const a = batches([line('a', 1), line('a', 4)], [], [line('a', 6)]);
  const b = batches([line('b', 2)], [line('b', 3), line('b', 5), line('b', 7)]);
  expect(await merged([a, b])).toEqual(['a 1\n', 'b 2\n', 'b 3\n', 'a 4\n', 'b 5\n', 'a 6\n', 'b 7\n']);
});

it('does not wait for a log that says nothing, and closes it', async () => {
  let isClosed = false;
  const silent = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => undefined),
      return: () => {
        isClosed = true;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
  const logs = mergeByTime([batches([line('a', 1)]), silent], { idle: () => Promise.resolve() });
  expect(await logs.next()).toEqual({ done: false, value: [line('a', 1)] });
  await logs.return(undefined);
  expect(isClosed).toBe(true);
});

it('fails with the log that fails', async () => {
  const failing = (async function* () {
    yield await Promise.resolve([line('a', 1)]);
    throw new Error('cut');
  })();
  await expect(merged([failing, batches([line('b', 2)])])).rejects.toThrow('cut');
});

it('takes in logs that come later, also after all others have ended', async () => {
  const joining = (async function* () {
    yield await Promise.resolve([]);
    yield await Promise.resolve([batches([line('b', 2)]), batches([line('c', 1)])]);
    yield await Promise.resolve([batches([line('d', 3)])]);
  })();
  const idle = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
  expect(await merged([batches([line('a', 1)])], { idle, joining })).toEqual([
    'a 1\n',
    'c 1\n',
    'b 2\n',
    'd 3\n',
  ]);
});

it('fails when it cannot be told what comes later', async () => {
  const joining = (async function* () {
    yield await Promise.resolve([]);
    throw new Error('no list');
  })();
  await expect(merged([], { idle: () => Promise.resolve(), joining })).rejects.toThrow('no list');
});
