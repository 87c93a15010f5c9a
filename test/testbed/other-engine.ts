import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Folders with the programs of an engine of another version than the system's (README.md, "Another engine"); not below /tmp, /run
 * or /mnt, where a device has its own.
 */
export const otherEngine: readonly string[] = (process.env['RDT_TEST_ENGINE'] ?? '')
  .split(delimiter)
  .filter((folder) => folder !== '');

/** The client that came with the engine; another may be first in PATH. */
export const dockerClient = (): string =>
  [...otherEngine, '/usr/bin'].map((folder) => join(folder, 'docker')).find(existsSync) ?? 'docker';
