import { RdtError } from '../../errors.js';
import { assertConsistent } from './consistency.js';
import { Directory, type DirectoryEntry } from './directory.js';
import { DirectoryEdit } from './directory-edit.js';
import { ATTRIBUTE, makeNamePieces, makeShortRecord, withContent } from './dir-record.js';
import { writeFsInfo } from './fs-info.js';
import type { Layout } from './layout.js';
import { assertValidName, makeShortName } from './names.js';

/**
 * Changes a volume so that a power cut at any write leaves each file old or new (measured in FLASH.md):
 * new clusters, both FATs, sync, one sector with the directory entry, sync, then the old clusters are freed.
 * At worst clusters stay taken that nobody uses.
 */
export class VolumeEdit {
  readonly #layout: Layout;
  readonly #now: () => Date;
  #isChecked = false;

  constructor(layout: Layout, now: () => Date) {
    this.#layout = layout;
    this.#now = now;
  }

  async createFile(parent: Directory, name: string, content: Buffer): Promise<void> {
    const clusters = this.#layout.clustersFor(content.length);
    await this.#create(parent, name, clusters, async (firstCluster, chain) => {
      await this.#layout.writeClusters(chain, content);
      return { attributes: ATTRIBUTE.archive, firstCluster, sizeBytes: content.length };
    });
  }

  /** Answers the first cluster of the new directory. */
  async createDirectory(parent: Directory, parentCluster: number, name: string): Promise<number> {
    return this.#create(parent, name, 1, async (firstCluster, chain) => {
      await this.#layout.writeClusters(chain, this.#emptyDirectory(firstCluster, parentCluster));
      return { attributes: ATTRIBUTE.directory, firstCluster, sizeBytes: 0 };
    });
  }

  async replaceFile(parent: Directory, entry: DirectoryEntry, content: Buffer): Promise<void> {
    await this.#check();
    const oldChain = this.#chainOf(entry);
    const chain = this.#layout.fat.allocate(this.#layout.clustersFor(content.length));
    await this.#layout.writeClusters(chain, content);
    await this.#layout.fat.flush();
    await this.#layout.device.sync();
    const record = withContent(parent.record(entry.lastSlot), chain[0] ?? 0, content.length, this.#now());
    await new DirectoryEdit(parent).overwrite(entry.lastSlot, record);
    await this.#release(oldChain);
  }

  async remove(parent: Directory, entry: DirectoryEntry): Promise<void> {
    await this.#check();
    const chain = this.#chainOf(entry);
    await new DirectoryEdit(parent).erase(entry.firstSlot, entry.lastSlot);
    await this.#release(chain);
  }

  /** Renames by one write; false, and nothing done, when the two names do not find room in one sector. */
  async renameInPlace(parent: Directory, entry: DirectoryEntry, name: string): Promise<boolean> {
    assertValidName(name);
    await this.#check();
    const others = parent.entries().filter((other) => other.lastSlot !== entry.lastSlot);
    const { pieces, shortName } = namesFor(name, others);
    const record = Buffer.from(parent.record(entry.lastSlot));
    shortName.copy(record);
    record.writeUInt8(0, 12);
    return new DirectoryEdit(parent).move(entry.firstSlot, entry.lastSlot, [...pieces, record]);
  }

  /** The steps that new files and directories share. `fill` writes the clusters. */
  async #create(
    parent: Directory,
    name: string,
    clusters: number,
    fill: (firstCluster: number, chain: readonly number[]) => Promise<NewEntry>,
  ): Promise<number> {
    assertValidName(name);
    await this.#check();
    const { pieces, shortName } = namesFor(name, parent.entries());
    const place = await this.#makeRoom(parent, pieces.length + 1, clusters);
    const chain = this.#layout.fat.allocate(clusters);
    const entry = await fill(chain[0] ?? 0, chain);
    await this.#layout.fat.flush();
    await this.#layout.device.sync();
    const record = makeShortRecord({ shortName, ...entry }, this.#now());
    await new DirectoryEdit(place.directory).insert(place.slot, [...pieces, record]);
    await this.#release([]);
    return entry.firstCluster;
  }

  /** Free slots for an entry, in a directory that grows for them when it can. Throws before anything is written when it cannot. */
  async #makeRoom(
    directory: Directory,
    slots: number,
    clustersToFollow: number,
  ): Promise<{ directory: Directory; slot: number }> {
    const slot = new DirectoryEdit(directory).findFreeSlots(slots);
    if (slot !== undefined) return { directory, slot };
    const lastSector = directory.sectorOffsets.at(-1);
    const { root } = this.#layout.geometry;
    if (root.kind === 'fixed' && lastSector !== undefined && lastSector < this.#layout.geometry.dataOffset) {
      throw new RdtError('the root directory of the boot partition is full');
    }
    return this.#makeRoom(await this.#grow(directory, clustersToFollow), slots, clustersToFollow);
  }

  /**
   * Adds an empty cluster to a directory. The link to it is written last and alone, since readers see it at once
   * (in FAT12 an entry may lie across two sectors, which no order of writes can make atomic).
   */
  async #grow(directory: Directory, clustersToFollow: number): Promise<Directory> {
    const { fat, device, geometry } = this.#layout;
    fat.assertFree(1 + clustersToFollow);
    const added = fat.allocate(1);
    await this.#layout.writeClusters(added, Buffer.alloc(0));
    await fat.flush();
    await device.sync();
    const last = this.#clusterAt(directory.sectorOffsets.at(-1) ?? 0);
    fat.link(last, added[0] ?? 'end');
    await fat.flush();
    await device.sync();
    const offsets = [
      ...directory.sectorOffsets,
      ...added.flatMap((cluster) => this.#layout.sectorsOfCluster(cluster)),
    ];
    return Directory.load(device, geometry.sectorBytes, offsets);
  }

  #clusterAt(offset: number): number {
    const { dataOffset, clusterBytes } = this.#layout.geometry;
    return Math.floor((offset - dataOffset) / clusterBytes) + 2;
  }

  /** The last step: frees clusters and corrects the count of free ones. */
  async #release(clusters: readonly number[]): Promise<void> {
    const { fat, device, geometry } = this.#layout;
    fat.release(clusters);
    await fat.flush();
    if (geometry.fsInfoOffset !== undefined) {
      await writeFsInfo(device, geometry.fsInfoOffset, fat.countFree());
    }
    await device.sync();
  }

  #chainOf(entry: DirectoryEntry): number[] {
    return entry.firstCluster === 0 ? [] : this.#layout.fat.chain(entry.firstCluster);
  }

  #emptyDirectory(cluster: number, parentCluster: number): Buffer {
    const entry = { attributes: ATTRIBUTE.directory, sizeBytes: 0 };
    const dot = { ...entry, shortName: Buffer.from('.          '), firstCluster: cluster };
    const dotDot = { ...entry, shortName: Buffer.from('..         '), firstCluster: parentCluster };
    return Buffer.concat([dot, dotDot].map((record) => makeShortRecord(record, this.#now())));
  }

  /** Once, before the first change. */
  async #check(): Promise<void> {
    if (!this.#isChecked) await assertConsistent(this.#layout);
    this.#isChecked = true;
  }
}

interface NewEntry {
  readonly attributes: number;
  readonly firstCluster: number;
  readonly sizeBytes: number;
}

function namesFor(
  name: string,
  others: readonly DirectoryEntry[],
): { pieces: readonly Buffer[]; shortName: Buffer } {
  const taken = new Set(others.map((entry) => entry.shortName));
  const { bytes, isWhole } = makeShortName(name, taken);
  return { pieces: isWhole ? [] : makeNamePieces(name, bytes), shortName: bytes };
}
