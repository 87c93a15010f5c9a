import { open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RdtError } from '../../errors.js';
import { makeFolder } from '../../make-folder.js';
import { renameOver } from '../../rename-over.js';
import { stateUnusable } from '../../state-directory.js';
import { errorCode } from '../../system-error.js';
import type { Deployment, DeploymentStore } from '../deployment.js';
import { differingPaths, withChanges } from '../layered-tree.js';
import type { LocalEntry } from '../tree.js';
import { decodeDeployment, encodeDeployment, type StoredDeployment } from './deployment-format.js';

/** Containers come and go with every rebuild; only so many deployments are kept. */
const KEPT = 64;

const WHOLE = '.tree';
const CHANGES = '.changes';
type Kind = typeof WHOLE | typeof CHANGES;

/**
 * In rdt's state folder, named by the container's id: `<id>.tree` is a whole deployment, and `<id>.changes` what a later one differs in, so
 * that a push that has one file to send does not write what it knows of 20,000. One that is not about the other (another push has
 * written between) is passed over.
 * @throws RdtError when that folder cannot be read or written.
 */
export class FileDeploymentStore implements DeploymentStore {
  /** The `.tree` file that was read or written last. */
  private whole: Deployment | undefined;
  /** By the container's id. */
  private readonly damaged = new Map<string, string>();

  constructor(private readonly folder: string) {}

  async load(containerId: string): Promise<Deployment | undefined> {
    this.damaged.delete(containerId);
    const [whole, later] = await Promise.all([
      this.read(containerId, WHOLE),
      this.read(containerId, CHANGES),
    ]);
    if (whole?.since !== undefined) return undefined;
    this.whole = whole?.deployment;
    return whole === undefined ? undefined : lastOf(whole.deployment, later);
  }

  damagedFile(containerId: string): string | undefined {
    return this.damaged.get(containerId);
  }

  async save(deployment: Deployment): Promise<void> {
    try {
      await makeFolder(this.folder, 0o700);
      const changes = this.changesFromWhole(deployment);
      if (changes === undefined) await this.saveWhole(deployment);
      else await this.write(deployment.containerId, CHANGES, changes);
    } catch (error) {
      throw unusable('write', this.folder, error);
    }
  }

  saveNow(deployment: Deployment): Promise<void> {
    return this.save(deployment);
  }

  private changesFromWhole(deployment: Deployment): StoredDeployment | undefined {
    const { whole } = this;
    if (whole?.containerId !== deployment.containerId) return undefined;
    const paths = differingPaths(whole.tree, deployment.tree);
    if (paths === undefined) return undefined;
    const tree = new Map<string, LocalEntry>();
    const gone: string[] = [];
    for (const path of paths) {
      const entry = deployment.tree.get(path);
      if (entry === undefined) gone.push(path);
      else tree.set(path, entry);
    }
    return { deployment: { ...deployment, tree }, since: { token: whole.token, gone } };
  }

  private async saveWhole(deployment: Deployment): Promise<void> {
    const { containerId } = deployment;
    const isNew = (await this.ageOf(this.fileOf(containerId, WHOLE))) === undefined;
    await this.write(containerId, WHOLE, { deployment, since: undefined });
    this.whole = deployment;
    await unlink(this.fileOf(containerId, CHANGES)).catch(ignoreMissing);
    if (isNew) await this.forgetOldest();
  }

  private async read(containerId: string, kind: Kind): Promise<StoredDeployment | undefined> {
    const file = this.fileOf(containerId, kind);
    const bytes = await readIfThere(file);
    const stored = bytes === undefined ? undefined : decodeDeployment(bytes);
    if (bytes !== undefined && stored === undefined) this.damaged.set(containerId, file);
    return stored;
  }

  private async write(containerId: string, kind: Kind, stored: StoredDeployment): Promise<void> {
    const file = this.fileOf(containerId, kind);
    const temporary = `${file}.${process.pid}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writev(encodeDeployment(stored));
    } finally {
      await handle.close();
    }
    await renameOver(temporary, file);
  }

  private fileOf(containerId: string, kind: Kind): string {
    return join(this.folder, `${containerId.slice(0, 32)}${kind}`);
  }

  /** All files of a container are as old as the youngest of them. */
  private async forgetOldest(): Promise<void> {
    const ages = new Map<string, { files: string[]; modifiedMs: number }>();
    for (const name of await readdir(this.folder)) {
      const file = join(this.folder, name);
      const id = name.split('.')[0] ?? name;
      const { files, modifiedMs } = ages.get(id) ?? { files: [], modifiedMs: 0 };
      const age = (await this.ageOf(file)) ?? 0;
      ages.set(id, { files: [...files, file], modifiedMs: Math.max(modifiedMs, age) });
    }
    const oldest = [...ages.values()].sort((a, b) => b.modifiedMs - a.modifiedMs).slice(KEPT);
    for (const file of oldest.flatMap(({ files }) => files)) await unlink(file).catch(ignoreMissing);
  }

  private async ageOf(file: string): Promise<number | undefined> {
    return stat(file).then(({ mtimeMs }) => mtimeMs, ignoreMissing);
  }
}

function lastOf(whole: Deployment, later: StoredDeployment | undefined): Deployment {
  if (later?.since?.token !== whole.token || later.deployment.containerId !== whole.containerId) return whole;
  const gone = later.since.gone.map((path): [string, undefined] => [path, undefined]);
  const changes = new Map<string, LocalEntry | undefined>([...later.deployment.tree, ...gone]);
  return { ...later.deployment, tree: withChanges(whole.tree, changes) };
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file).catch(ignoreMissing);
  } catch (error) {
    throw unusable('read', file, error);
  }
}

const unusable = (what: 'read' | 'write', path: string, cause: unknown): RdtError =>
  stateUnusable(what, path, 'where rdt notes what it has pushed', cause);

const isMissing = (error: unknown): boolean => errorCode(error) === 'ENOENT';

/** Another rdt may tidy up at the same time. */
function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
