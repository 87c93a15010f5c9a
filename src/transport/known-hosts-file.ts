import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RdtError } from '../errors.js';
import { errorCode } from './connection-error.js';
import type { KnownHostsStore } from './host-key-check.js';

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/**
 * Known host keys in a file that only its owner can read. Lines are only ever appended, which is atomic for lines of this
 * size, so that processes need no lock; only a person's `forget` rewrites it, by rename.
 */
export class KnownHostsFile implements KnownHostsStore {
  constructor(readonly path: string) {}

  async read(): Promise<string> {
    try {
      return await readFile(this.path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return '';
      throw new RdtError(`Cannot read the known host keys in ${this.path}.`, { cause: error });
    }
  }

  async append(line: string): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: PRIVATE_FOLDER });
    const text = await this.read();
    // A line that a crash has cut short must not swallow ours.
    const separator = text === '' || text.endsWith('\n') ? '' : '\n';
    await appendFile(this.path, separator + line, { mode: PRIVATE_FILE });
  }

  async rewrite(edit: (text: string) => string): Promise<void> {
    const temporary = `${this.path}.${randomUUID()}`;
    try {
      let newest = await this.read();
      let edited: string;
      do {
        edited = newest;
        await writeSynced(temporary, edit(edited));
        // Another process may have appended meanwhile.
        newest = await this.read();
      } while (newest !== edited);
      await rename(temporary, this.path);
    } catch (error) {
      throw new RdtError(`Cannot write the known host keys to ${this.path}.`, { cause: error });
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

const writeSynced = async (path: string, text: string): Promise<void> => {
  const file = await open(path, 'w', PRIVATE_FILE);
  try {
    await writeFile(file, text);
    await file.sync();
  } finally {
    await file.close();
  }
};
