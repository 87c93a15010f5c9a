import { printable } from '../../discovery/printable.js';
import { RdtError } from '../../errors.js';
import type { BlockDevice } from '../block-device.js';
import type { BootEntry, BootFiles } from '../boot-files.js';
import { BOOT_SECTOR_BYTES, parseBootSector } from './boot-sector.js';
import type { Directory, DirectoryEntry } from './directory.js';
import { FatTable } from './fat-table.js';
import { Layout, ROOT_CLUSTER } from './layout.js';
import { splitPath } from './names.js';
import { VolumeEdit } from './volume-edit.js';

/** What is read are settings; a hostile volume may have gigabytes under such a name. */
const MAX_READ_BYTES = 16 << 20;

/** The files of a FAT12, FAT16 or FAT32 volume. `device` is the volume alone: nothing outside of it can be touched. */
export class FatVolume implements BootFiles {
  readonly #layout: Layout;
  readonly #edit: VolumeEdit;

  private constructor(layout: Layout, now: () => Date) {
    this.#layout = layout;
    this.#edit = new VolumeEdit(layout, now);
  }

  /** Undefined when there is no FAT volume on `device`. `now` stamps the files that are written. */
  static async open(device: BlockDevice, now: () => Date): Promise<FatVolume | undefined> {
    if (device.sizeBytes < BOOT_SECTOR_BYTES) return undefined;
    const geometry = parseBootSector(await device.read(0, BOOT_SECTOR_BYTES), device.sizeBytes);
    if (geometry === undefined) return undefined;
    return new FatVolume(new Layout(device, geometry, await FatTable.load(device, geometry)), now);
  }

  /** The label in the root directory, else the one of the boot sector; '' without any. */
  async label(): Promise<string> {
    const root = await this.#layout.loadDirectory(ROOT_CLUSTER);
    return root.volumeLabel() ?? this.#layout.geometry.label;
  }

  async read(path: string): Promise<Buffer | undefined> {
    const entry = await this.#find(path);
    if (entry === undefined || entry.isDirectory) return undefined;
    if (entry.sizeBytes > MAX_READ_BYTES) {
      throw new RdtError(`${printable(path)} on the boot partition is too large to be a file of settings`);
    }
    return this.#layout.readFile(entry);
  }

  async list(path: string): Promise<readonly BootEntry[] | undefined> {
    const directory = await this.#directoryAt(splitPath(path));
    return directory?.entries().map((entry) => ({
      name: entry.name,
      kind: entry.isDirectory ? 'directory' : 'file',
      sizeBytes: entry.sizeBytes,
    }));
  }

  async replace(path: string, content: Buffer): Promise<void> {
    const old = await this.#find(path);
    if (old !== undefined && !old.isDirectory && (await this.#layout.readFile(old)).equals(content)) return;
    if (old?.isDirectory === true) throw new RdtError(`${path} is a directory on the boot partition`);
    const { parent, name } = await this.#parentOf(path, 'create');
    if (old === undefined) await this.#edit.createFile(parent, name, content);
    else await this.#edit.replaceFile(parent, old, content);
  }

  async remove(path: string): Promise<void> {
    const entry = await this.#find(path);
    if (entry === undefined) return;
    if (entry.isDirectory) await this.#assertEmpty(path);
    const { parent } = await this.#parentOf(path, 'find');
    await this.#edit.remove(parent, entry);
  }

  /** Gives a file another path. Throws when there is no such file, or something at the new path already. */
  async rename(from: string, to: string): Promise<void> {
    const entry = await this.#find(from);
    if (entry === undefined || entry.isDirectory) throw new RdtError(`there is no file ${from} to rename`);
    const existing = await this.#find(to);
    const source = await this.#parentOf(from, 'find');
    const target = await this.#parentOf(to, 'find');
    const isSameParent = source.cluster === target.cluster;
    const isItself = isSameParent && existing?.lastSlot === entry.lastSlot;
    if (existing !== undefined && !isItself) throw new RdtError(`${to} exists on the boot partition`);
    if (isSameParent && (await this.#edit.renameInPlace(source.parent, entry, target.name))) return;
    const content = await this.#layout.readFile(entry);
    await this.#edit.createFile(target.parent, target.name, content);
    await this.remove(from);
  }

  /** Makes a directory and its missing parents; no error when it is there. */
  async makeDirectory(path: string): Promise<void> {
    await this.#ensureDirectory(splitPath(path));
  }

  async #find(path: string): Promise<DirectoryEntry | undefined> {
    const parts = splitPath(path);
    const name = parts.pop();
    if (name === undefined) return undefined;
    return (await this.#directoryAt(parts))?.find(name);
  }

  async #directoryAt(parts: readonly string[]): Promise<Directory | undefined> {
    let directory = await this.#layout.loadDirectory(ROOT_CLUSTER);
    for (const part of parts) {
      const entry = directory.find(part);
      if (entry?.isDirectory !== true) return undefined;
      directory = await this.#layout.loadDirectory(entry.firstCluster);
    }
    return directory;
  }

  async #parentOf(
    path: string,
    missing: 'create' | 'find',
  ): Promise<{ parent: Directory; cluster: number; name: string }> {
    const parts = splitPath(path);
    const name = parts.pop() ?? '';
    const cluster = missing === 'create' ? await this.#ensureDirectory(parts) : await this.#clusterOf(parts);
    return { parent: await this.#layout.loadDirectory(cluster), cluster, name };
  }

  async #clusterOf(parts: readonly string[]): Promise<number> {
    const entry = await this.#find(parts.join('/'));
    if (parts.length === 0) return ROOT_CLUSTER;
    if (entry?.isDirectory === true) return entry.firstCluster;
    throw new RdtError(`there is no directory /${parts.join('/')} on the boot partition`);
  }

  /** First cluster of a directory, made where it is missing. */
  async #ensureDirectory(parts: readonly string[]): Promise<number> {
    let cluster = ROOT_CLUSTER;
    for (const part of parts) {
      const directory = await this.#layout.loadDirectory(cluster);
      const entry = directory.find(part);
      if (entry?.isDirectory === false) throw new RdtError(`/${parts.join('/')}: ${part} is a file`);
      cluster = entry?.firstCluster ?? (await this.#edit.createDirectory(directory, cluster, part));
    }
    return cluster;
  }

  async #assertEmpty(path: string): Promise<void> {
    const entries = await this.list(path);
    if (entries !== undefined && entries.length > 0) throw new RdtError(`the directory ${path} is not empty`);
  }
}
