import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { statIfThere } from '../sync/file-content.js';

/** A lock that git left behind when it was killed must not slow every save down. */
const STALE_AFTER_MS = 10_000;

/** The file that git holds while it changes the work tree; undefined outside of a repository. */
export function gitLockOf(source: string): string | undefined {
  for (let folder = resolve(source); ; folder = dirname(folder)) {
    const git = join(folder, '.git');
    if (existsSync(git)) return join(gitDirectory(git), 'index.lock');
    if (dirname(folder) === folder) return undefined;
  }
}

/** Whether git is at work. `nowMs` is the wall clock. */
export function isLocked(lock: string, nowMs: number): boolean {
  const stats = statIfThere(lock);
  return stats !== undefined && nowMs - stats.mtimeMs < STALE_AFTER_MS;
}

/** In a linked work tree and in a submodule `.git` is a file that names the folder. */
function gitDirectory(git: string): string {
  const named = /^gitdir: (.+)$/m.exec(textOf(git))?.[1];
  if (named === undefined) return git;
  return isAbsolute(named) ? named : join(dirname(git), named);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The folder itself, as usual; or a file that is not ours to read, and then there is no lock to be seen.
    return '';
  }
}
