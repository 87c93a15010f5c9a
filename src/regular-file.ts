import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** Opening a FIFO would wait for its writer. Windows has neither. */
const FLAGS = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);

/**
 * All bytes of a small file that a person wrote.
 * @throws what `fs` throws, with its code; for a folder, a FIFO or a device, which may never end, an error with a code of our own.
 */
export function readRegularFile(path: string): Buffer {
  const file = openSync(path, FLAGS);
  try {
    if (!fstatSync(file).isFile()) throw Object.assign(new Error(`${path} is no file`), { code: 'no file' });
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
