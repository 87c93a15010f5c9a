import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RdtError } from '../../errors.js';
import { stateUnusable } from '../../state-directory.js';
import type { Deployment, DeploymentStore } from '../deployment.js';
import { decodeDeployment, encodeDeployment } from './deployment-format.js';
import { errorCode } from '../../system-error.js';

/** Containers come and go with every rebuild; only so many deployments are kept. */
const KEPT = 64;

/**
 * One file for each container, named by its id, in rdt's state folder.
 * @throws RdtError when that folder cannot be read or written.
 */
export class FileDeploymentStore implements DeploymentStore {
  constructor(private readonly folder: string) {}

  async load(containerId: string): Promise<Deployment | undefined> {
    try {
      return decodeDeployment(await readFile(this.fileOf(containerId)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.unusable('read', error);
    }
  }

  async save(deployment: Deployment): Promise<void> {
    try {
      await this.write(deployment);
    } catch (error) {
      throw this.unusable('write', error);
    }
  }

  private async write(deployment: Deployment): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = this.fileOf(deployment.containerId);
    const isNew = (await this.ageOf(file)) === undefined;
    const temporary = `${file}.${process.pid}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writev(encodeDeployment(deployment));
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    if (isNew) await this.forgetOldest();
  }

  private unusable(what: 'read' | 'write', cause: unknown): RdtError {
    return stateUnusable(what, this.folder, 'where rdt notes what it has pushed', cause);
  }

  private fileOf(containerId: string): string {
    return join(this.folder, `${containerId.slice(0, 32)}.tree`);
  }

  private async forgetOldest(): Promise<void> {
    const files = (await readdir(this.folder)).map((name) => join(this.folder, name));
    if (files.length <= KEPT) return;
    const aged = await Promise.all(
      files.map(async (file) => ({ file, modifiedMs: (await this.ageOf(file)) ?? 0 })),
    );
    aged.sort((a, b) => b.modifiedMs - a.modifiedMs);
    for (const { file } of aged.slice(KEPT)) await unlink(file).catch(ignoreMissing);
  }

  private async ageOf(file: string): Promise<number | undefined> {
    return stat(file).then(({ mtimeMs }) => mtimeMs, ignoreMissing);
  }
}

const isMissing = (error: unknown): boolean => errorCode(error) === 'ENOENT';

/** Another rdt may tidy up at the same time. */
function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
