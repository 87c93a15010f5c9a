import { printable } from '../../discovery/printable.js';
import { RdtError } from '../../errors.js';

/** The error for a file system that cannot be trusted any more. `what` completes the sentence. */
export function damaged(what: string): RdtError {
  return new RdtError(`the FAT file system of the boot partition is damaged: ${printable(what)}`, {
    hint: 'Repair it with fsck.vfat (or chkdsk), or flash the image again. Nothing was changed.',
  });
}
