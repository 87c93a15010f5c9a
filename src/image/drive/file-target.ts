import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RdtError } from '../../errors.js';
import type { Drive } from '../flash-drive.js';
import { errorCode } from '../../system-error.js';

/** A file that stands for a drive. */
export function fileDrive(path: string, sizeBytes: number, identity: string): Drive {
  const facts = {
    model: undefined,
    bus: undefined,
    removable: false,
    readOnly: false,
    volumes: [],
    refusal: undefined,
  };
  return { kind: 'file', path, sizeBytes, identity, ...facts };
}

/** A typing error there must not become a file that fills the memory; /dev/shm is for files. */
const isAmongDevices = (path: string): boolean => path.startsWith('/dev/') && !path.startsWith('/dev/shm/');

/** A file that is to be created. Throws an `RdtError` where no file belongs. */
export async function newFile(path: string): Promise<Drive> {
  if (isAmongDevices(path) || !(await isDirectory(dirname(path)))) {
    throw new RdtError(`there is no drive or file ${path}`, {
      hint: 'rdt flash <image> without --drive lists the drives.',
    });
  }
  return fileDrive(path, 0, 'new');
}

/** Tells a file from every other one. */
export const identityOf = (info: Stats): string => `${info.dev}:${info.ino}`;

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );

/** For `catch`: undefined for what does not exist. Throws an `RdtError` for everything else. */
export function missing(path: string, error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw new RdtError(`cannot look at ${path}`, { cause: error });
}
