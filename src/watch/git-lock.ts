import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { statIfThere } from '../sync/file-content.js';

/** A lock that git left behind when it was killed must not slow every save down. */
const STALE_AFTER_MS = 10_000;
/** A batch waits for git no longer than this, whatever the time of the lock says. */
const WAIT_AT_MOST_MS = 10_000;
/** Longer than most that git does. */
const TOLD_AFTER_MS = 1_000;

/** Whether git is at work in the work tree that a folder belongs to. */
export class GitLock {
  private path: string | undefined;
  /** Which lock was there as long as a batch can wait: nobody holds it any more. */
  private waitedOut: string | undefined;

  /** `source` is absolute; `warn` gets the same message for each lock that takes long. */
  constructor(
    private readonly source: string,
    private readonly warn: (message: string) => void,
  ) {}

  /** Whether a batch that has waited for `waitedMs` has to wait on. `nowMs` is the wall clock. */
  isHeld(waitedMs: number, nowMs: number): boolean {
    // A folder may become a repository while it is watched.
    this.path ??= gitLockOf(this.source);
    const stats = this.path === undefined ? undefined : statIfThere(this.path);
    if (this.path === undefined || stats === undefined || nowMs - stats.mtimeMs >= STALE_AFTER_MS)
      return false;
    const lock = `${stats.ino} ${stats.mtimeMs}`;
    if (waitedMs >= WAIT_AT_MOST_MS) this.waitedOut = lock;
    if (lock === this.waitedOut) return false;
    if (waitedMs >= TOLD_AFTER_MS)
      this.warn(
        `waits for git: ${relative(this.source, this.path)} is there; remove it if no git is running`,
      );
    return true;
  }
}

/** The file that git holds while it changes the work tree; undefined outside of a repository. */
export function gitLockOf(source: string): string | undefined {
  for (let folder = resolve(source); ; folder = dirname(folder)) {
    const git = join(folder, '.git');
    if (existsSync(git)) return join(gitDirectory(git), 'index.lock');
    if (dirname(folder) === folder) return undefined;
  }
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
