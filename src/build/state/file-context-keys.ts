import { createHash, randomBytes } from 'node:crypto';
import { access, constants, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RdtError } from '../../errors.js';
import { makeFolder } from '../../make-folder.js';
import { renameOver } from '../../rename-over.js';
import { stateUnusable } from '../../state-directory.js';
import { isGone } from '../../system-error.js';
import type { ContextKeys } from '../context/context-keys.js';

/**
 * A small file for each target, which is there only while no build uses its key.
 * @throws RdtError when the folder cannot be read or written.
 */
export class FileContextKeys implements ContextKeys {
  constructor(private readonly folder: string) {}

  /** A build takes long, and is not begun where its key could not be kept. */
  async take(target: string): Promise<string> {
    await this.makeWritable();
    const taken = `${this.fileOf(target)}.${randomBytes(4).toString('hex')}`;
    if (!(await this.rename(this.fileOf(target), taken))) return newKey();
    try {
      const key = await readFile(taken, 'utf8');
      await rm(taken);
      // Cut short by a full disk, it would be the key of others too.
      return isKey(key) ? key : newKey();
    } catch (error) {
      throw this.unusable('read', error);
    }
  }

  /** Of several who want a key, one gets it; false for the others. Windows has them wait meanwhile. */
  private async rename(file: string, taken: string): Promise<boolean> {
    try {
      await renameOver(file, taken);
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw this.unusable('write', error);
    }
  }

  async keep(target: string, key: string): Promise<void> {
    await this.makeWritable();
    try {
      await writeFile(this.fileOf(target), key, { mode: 0o600 });
    } catch (error) {
      throw this.unusable('write', error);
    }
  }

  private async makeWritable(): Promise<void> {
    try {
      await makeFolder(this.folder, 0o700);
      await access(this.folder, constants.W_OK);
    } catch (error) {
      throw this.unusable('write', error);
    }
  }

  private fileOf(target: string): string {
    const name = createHash('sha256').update(target).digest('hex').slice(0, 32);
    return join(this.folder, `${name}.key`);
  }

  private unusable(what: 'read' | 'write', cause: unknown): RdtError {
    return stateUnusable(what, this.folder, 'where rdt notes what devices keep of its builds', cause);
  }
}

/** Says nothing about this machine: whoever reaches the device can read it there. */
const newKey = (): string => randomBytes(16).toString('hex');

const isKey = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);
