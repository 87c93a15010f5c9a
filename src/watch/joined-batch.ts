import type { Batch } from './settling.js';

/** Two batches that are carried out as one. */
export const joined = (first: Batch | undefined, second: Batch): Batch =>
  first === undefined
    ? second
    : {
        firstEventAtMs: Math.min(first.firstEventAtMs, second.firstEventAtMs),
        settledAtMs: Math.max(first.settledAtMs, second.settledAtMs),
      };
