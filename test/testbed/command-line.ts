import { readFileSync } from 'node:fs';
import { errorCode } from '../../src/system-error.js';

/** Of a running process; empty for one that has ended meanwhile. */
export function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch (error) {
    // The second one: it ended after the file was opened.
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}
