import { describe, it } from 'vitest';
import { missingPrograms, type TestProgram } from './programs.js';

interface Suite {
  readonly describe: typeof describe | typeof describe.skip;
  readonly it: typeof it | typeof it.skip;
}

/**
 * `describe` and `it` for tests that ask programs of Debian for their judgement; skipped on machines without them. Which packages
 * are missing is said once, before the tests (name-missing-packages.ts).
 */
export const withPrograms = (...programs: readonly TestProgram[]): Suite =>
  hasPrograms(...programs) ? { describe, it } : { describe: describe.skip, it: it.skip };

/** For tests that take the holes of a file from GNU's `cp --sparse` as well: that of macOS knows none, whatever else was installed there. */
export const withHoles = (...programs: readonly TestProgram[]): Suite =>
  canMakeHoles ? withPrograms(...programs) : { describe: describe.skip, it: it.skip };

export const canMakeHoles = process.platform === 'linux';

export const hasPrograms = (...programs: readonly TestProgram[]): boolean =>
  missingPrograms(programs).length === 0;

export const FAT_PROGRAMS = ['mkfs.vfat', 'fsck.vfat', 'mtools'] as const;
export const DISK_PROGRAMS = [...FAT_PROGRAMS, 'sfdisk', 'mke2fs'] as const;
/** libnm for python. */
export const NETWORK_MANAGER = ['/usr/bin/python3', '/usr/share/doc/gir1.2-nm-1.0/copyright'] as const;
