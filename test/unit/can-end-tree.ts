import { spawnSync } from 'node:child_process';

/** The taskkill of Windows ends a process with all that it has started (/T), that of Wine does not know how. */
export const canEndTree =
  process.platform !== 'win32' ||
  // Else said by name-missing-packages.ts.
  spawnSync('taskkill', ['/?'], { encoding: 'utf8' }).stdout.includes('/T]');
