import { RdtError } from '../../errors.js';
import { errorCode } from '../../system-error.js';

/** What reading and writing a drive fails with, in words that tell what to do. */
export function driveIoError(path: string, doing: string, offset: number, cause: unknown): RdtError {
  const at = `${doing} ${path} failed at byte ${offset}`;
  switch (errorCode(cause) ?? '') {
    case 'ENOSPC':
      return new RdtError(`${at}: it is full`, {
        cause,
        hint: 'Its medium is smaller than it says, or its file system has no room left.',
      });
    case 'ENODEV':
    case 'ENXIO':
    case 'ENOMEDIUM':
      return new RdtError(`${at}: it was pulled out`, { cause, hint: 'Put it in again, and start again.' });
    case 'EIO':
      return new RdtError(`${at}: the drive fails, or was pulled out`, {
        cause,
        hint: 'Try another card or reader.',
      });
    default:
      return new RdtError(`${at} (${errorCode(cause) ?? String(cause)})`, { cause });
  }
}

/** The drive, or its medium, is not there any more; whatever the kernel said is a consequence of that. */
export const pulledOutError = (path: string, cause: unknown): RdtError =>
  new RdtError(`${path} was pulled out`, { cause, hint: 'Put it in again, and start again.' });

/** Why a drive could not be opened; a busy one is told by the caller, who knows by whom. */
export function driveOpenError(path: string, cause: unknown): RdtError {
  switch (errorCode(cause) ?? '') {
    case 'EACCES':
    case 'EPERM':
      return new RdtError(
        `this user may not write ${path}: run it with sudo, or join the group disk (sudo usermod -aG disk $USER, and log in again)`,
        { cause },
      );
    case 'EROFS':
      return new RdtError(`${path} is read-only (a card may have a lock switch on its side)`, { cause });
    case 'ENOMEDIUM':
    case 'ENXIO':
      return new RdtError(`${path} has no medium in it`, { cause });
    default:
      return new RdtError(`cannot open ${path} (${errorCode(cause) ?? String(cause)})`, { cause });
  }
}
