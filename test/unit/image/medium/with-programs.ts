import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';

interface Suite {
  readonly describe: typeof describe | typeof describe.skip;
  readonly it: typeof it | typeof it.skip;
}

/** `describe` and `it` for tests that ask programs of Debian for their judgement; skipped on machines without them. */
export const withPrograms = (...programs: readonly string[]): Suite =>
  hasPrograms(...programs) ? { describe, it } : { describe: describe.skip, it: it.skip };

export const hasPrograms = (...programs: readonly string[]): boolean => programs.every(isInstalled);

/** A path, or a name to be found in PATH or beside it (Debian keeps file system tools from users' PATH). */
function isInstalled(program: string): boolean {
  if (program.includes('/')) return existsSync(program);
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

export const FAT_PROGRAMS = ['mkfs.vfat', 'fsck.vfat', 'mtools'] as const;
export const DISK_PROGRAMS = [...FAT_PROGRAMS, 'sfdisk', 'mke2fs'] as const;
/** libnm for python: the package gir1.2-nm-1.0, whose library has a path of its own on each architecture. */
export const NETWORK_MANAGER = ['/usr/bin/python3', '/usr/share/doc/gir1.2-nm-1.0/copyright'] as const;
