import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './system-error.js';

/**
 * As `mkdir` with `recursive`, which never ends in Node 20 to 24 where the parent is there and nothing can be made in it (ENOENT, below /proc).
 * What is there already is left as it is, also when it is no folder.
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path), mode);
    await makeOne(path, mode);
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
