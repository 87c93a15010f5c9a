import { lstatSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Windows lets administrators make symbolic links, and everybody in its developer mode. */
export const canLink = ((): boolean => {
  const folder = mkdtempSync(join(tmpdir(), 'rdt-link-'));
  try {
    symlinkSync('target', join(folder, 'link'));
    return lstatSync(join(folder, 'link')).isSymbolicLink();
  } catch {
    // Said by name-missing-packages.ts.
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();
