import type { Engine } from '../transport/engine.js';
import type { LogRange } from './container-log.js';
import { plainText } from './log-line.js';
import type { LogView } from './log-view.js';
import { type LineBatches, type LiveMerge, mergeByTime } from './merge-lines.js';

export interface Shown {
  readonly engine: Engine;
  readonly range: LogRange;
  readonly grep: RegExp | undefined;
}

/** Several logs as one, in the order of their times. */
export function inOrder(logs: readonly LineBatches[], live?: LiveMerge): LineBatches {
  const [only] = logs;
  const isAlone = logs.length === 1 && live?.joining === undefined;
  return only !== undefined && isAlone ? only : mergeByTime(logs, live);
}

/** Hands on what matches `grep`, as fast as the view takes it. */
export async function showAll(batches: LineBatches, grep: RegExp | undefined, view: LogView): Promise<void> {
  for await (const lines of batches) {
    await view.show(grep === undefined ? lines : lines.filter((line) => grep.test(plainText(line))));
  }
}
