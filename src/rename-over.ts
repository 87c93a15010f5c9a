import { rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './system-error.js';

/** Windows replaces no file that somebody has open, and a virus scanner, an indexer or another rdt has it open for a moment. */
const IN_USE: ReadonlySet<string> = new Set(['EACCES', 'EBUSY', 'EPERM']);
const PAUSES_MS = [10, 20, 40, 80, 160, 320];

/**
 * Gives a file the name of another, which is replaced in one step. Where the system refuses that it is tried again for 0.6 s: elsewhere than
 * on Windows that is in vain, but then the error matters more than the time.
 */
export async function renameOver(from: string, to: string, give: typeof rename = rename): Promise<void> {
  for (const pauseMs of PAUSES_MS) {
    try {
      await give(from, to);
      return;
    } catch (error) {
      if (!IN_USE.has(errorCode(error) ?? '')) throw error;
      await sleep(pauseMs);
    }
  }
  await give(from, to);
}
