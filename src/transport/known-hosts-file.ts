import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RdtError } from '../errors.js';
import { makeFolder } from '../make-folder.js';
import { renameOver } from '../rename-over.js';
import { errorCode } from '../system-error.js';
import type { KnownHostsStore } from './host-key-check.js';

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
/** What systems say when a disk has no hard links. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Known host keys in a file that only its owner can read. Lines are only ever appended, which is atomic for lines of this
 * size; only a person's `forget` replaces the file, by rename. Neither needs a lock: whoever replaces it takes over what was
 * added to the old one meanwhile, and whoever adds looks whether it was to the present one.
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
    await makeFolder(dirname(this.path), PRIVATE_FOLDER);
    const file = await open(this.path, 'a', PRIVATE_FILE);
    let isPresent: boolean;
    try {
      const text = await this.read();
      // A line that a crash has cut short must not swallow ours.
      const separator = text === '' || text.endsWith('\n') ? '' : '\n';
      await file.appendFile(separator + line);
      isPresent = await this.isPresent(file);
    } finally {
      await file.close();
    }
    if (!isPresent) await this.append(line);
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
      await this.replace(temporary, edited);
    } catch (error) {
      throw new RdtError(`Cannot write the known host keys to ${this.path}.`, { cause: error });
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** `edited` is what the file held that is replaced; lines that came to it later come to the new one too. */
  private async replace(temporary: string, edited: string): Promise<void> {
    // A second name, and no handle: Windows replaces no file that is open.
    const old = `${temporary}.old`;
    await writeFile(this.path, '', { flag: 'a', mode: PRIVATE_FILE });
    const isKept = await this.keepAs(old);
    try {
      await renameOver(temporary, this.path);
      const text = isKept ? await readFile(old, 'utf8') : edited;
      if (text.startsWith(edited) && text !== edited) await this.append(text.slice(edited.length));
    } finally {
      await rm(old, { force: true });
    }
  }

  /** False on a disk that knows no second names (FAT): there a line that is added in the very moment of a `forget` is learned again later. */
  private async keepAs(old: string): Promise<boolean> {
    try {
      await link(this.path, old);
      return true;
    } catch (error) {
      if (NO_LINKS.has(errorCode(error) ?? '')) return false;
      throw error;
    }
  }

  private async isPresent(file: FileHandle): Promise<boolean> {
    const [mine, present] = await Promise.all([
      file.stat({ bigint: true }),
      // It may be gone altogether: then ours is not the present one either.
      stat(this.path, { bigint: true }).catch(() => undefined),
    ]);
    return mine.ino === present?.ino;
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
