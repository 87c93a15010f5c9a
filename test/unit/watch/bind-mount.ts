import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Shows what is in one folder at another, as a network drive does, until it is unmounted. */
export function mount(folder: string, at: string): void {
  execFileSync('mount', ['--bind', folder, at], { stdio: 'pipe' });
}

/** Also while somebody looks into it. */
export function unmount(at: string): void {
  execFileSync('umount', ['--lazy', at], { stdio: 'pipe' });
}

/** Linux lets root do it, but not in every container. */
export const canMount = ((): boolean => {
  const [folder, at] = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'rdt-mount-'))) as [string, string];
  try {
    mount(folder, at);
    unmount(at);
    return true;
  } catch {
    // Said by name-missing-packages.ts.
    return false;
  } finally {
    for (const made of [folder, at]) rmSync(made, { recursive: true, force: true });
  }
})();
