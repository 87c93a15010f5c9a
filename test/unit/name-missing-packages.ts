import { canEndTree } from './can-end-tree.js';
import { canLink } from './can-link.js';
import { missingPackages } from './image/medium/programs.js';
import { canMount } from './watch/bind-mount.js';
import { runs32Bit } from './supervisor/supervised-program.js';

/** Run once before all unit tests, by vitest: a test that is skipped does not say why. */
export function setup(): void {
  const missing = missingPackages();
  if (missing.length > 0)
    console.warn(
      `Some tests are skipped for want of programs. On Debian: apt-get install ${missing.join(' ')}\n`,
    );
  if (!runs32Bit)
    console.warn('Some tests of the supervisor are skipped because no 32-bit x86 program runs here\n');
  if (!canLink)
    console.warn(
      'Some tests are skipped because no symbolic link can be made here. On Windows: turn on its developer mode\n',
    );
  if (!canMount)
    console.warn(
      'The tests of what is watched on a drive that is unmounted are skipped: only root on Linux can mount a folder\n',
    );
  if (!canEndTree)
    console.warn(
      'The test of how a hook ends with all that it has started is skipped: taskkill has no /T here\n',
    );
  if (process.platform !== 'linux')
    console.warn(
      'Some tests of names, watches and holes in files are skipped because they are about Linux\n',
    );
  if (process.platform === 'win32')
    console.warn(
      'Some tests are skipped because Windows has no pipes in folders, no permission bits, and fewer characters for names\n',
    );
  else console.warn('The tests of how a folder is watched on Windows are skipped: this is another system\n');
}
