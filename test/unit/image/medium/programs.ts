import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What tests ask for judgement or material, and the Debian package that it comes with. A path where it is no program. */
const PACKAGES = {
  'mkfs.vfat': 'dosfstools',
  'fsck.vfat': 'dosfstools',
  mtools: 'mtools',
  sfdisk: 'fdisk',
  mke2fs: 'e2fsprogs',
  xz: 'xz-utils',
  zstd: 'zstd',
  bzip2: 'bzip2',
  zip: 'zip',
  gzip: 'gzip',
  git: 'git',
  debugfs: 'e2fsprogs',
  bmaptool: 'bmap-tools',
  '/usr/bin/python3': 'python3-gi',
  // Its library lies in a folder named for the architecture.
  '/usr/share/doc/gir1.2-nm-1.0/copyright': 'gir1.2-nm-1.0',
} as const;

const SUFFIX = process.platform === 'win32' ? '.exe' : '';

export type TestProgram = keyof typeof PACKAGES;

export const missingPrograms = (programs: readonly TestProgram[]): TestProgram[] =>
  programs.filter((program) => !isInstalled(program));

/** Each once, in alphabetical order. */
export function missingPackages(): string[] {
  const programs = Object.keys(PACKAGES) as TestProgram[];
  return [...new Set(missingPrograms(programs).map((program) => PACKAGES[program]))].sort();
}

/** A path, or a name to be found in PATH or beside it, as vitest.config.ts has it for the tests. */
function isInstalled(program: string): boolean {
  if (program.includes('/')) return existsSync(program);
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, `${program}${SUFFIX}`)));
}
