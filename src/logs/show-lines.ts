import type { Engine } from '../transport/engine.js';
import type { LogRange } from './container-log.js';
import { type LogLine, plainText } from './log-line.js';
import type { LogView } from './log-view.js';
import { mergeByTime } from './merge-lines.js';

export interface Shown {
  readonly engine: Engine;
  readonly range: LogRange;
  readonly grep: RegExp | undefined;
}

/** Several logs as one, in the order of their times; see `mergeByTime` for `idle`. */
export function inOrder(
  logs: readonly AsyncIterable<readonly LogLine[]>[],
  idle?: () => Promise<void>,
): AsyncIterable<readonly LogLine[]> {
  const [only] = logs;
  return only !== undefined && logs.length === 1 ? only : mergeByTime(logs, idle);
}

/** Hands on what matches `grep`, as fast as the view takes it. */
export async function showAll(
  batches: AsyncIterable<readonly LogLine[]>,
  grep: RegExp | undefined,
  view: LogView,
): Promise<void> {
  for await (const lines of batches) {
    await view.show(grep === undefined ? lines : lines.filter((line) => grep.test(plainText(line))));
  }
}
