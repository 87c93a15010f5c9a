import type { BlockDevice } from '../block-device.js';
import type { FatGeometry } from './boot-sector.js';
import { damaged } from './damaged.js';
import { Directory, type DirectoryEntry, MAX_DIRECTORY_BYTES } from './directory.js';
import { type FatTable, mergeRuns } from './fat-table.js';

/** Cluster 0 stands for the root directory, as in the `..` of its children. */
export const ROOT_CLUSTER = 0;

/** Reads directories and file contents of one volume by way of its FAT. */
export class Layout {
  constructor(
    readonly device: BlockDevice,
    readonly geometry: FatGeometry,
    readonly fat: FatTable,
  ) {}

  loadDirectory(firstCluster: number): Promise<Directory> {
    const { geometry } = this;
    const offsets =
      firstCluster === ROOT_CLUSTER && geometry.root.kind === 'fixed'
        ? sectorsOf(geometry.root.offset, geometry.root.sizeBytes, geometry.sectorBytes)
        : this.directoryChain(firstCluster).flatMap((cluster) => this.sectorsOfCluster(cluster));
    return Directory.load(this.device, geometry.sectorBytes, offsets);
  }

  /** The clusters of a directory; not for the fixed root of FAT12 and FAT16. */
  directoryChain(firstCluster: number): number[] {
    const { root, clusterBytes } = this.geometry;
    const first = firstCluster === ROOT_CLUSTER && root.kind === 'chain' ? root.firstCluster : firstCluster;
    return this.fat.chain(first, Math.ceil(MAX_DIRECTORY_BYTES / clusterBytes) + 1);
  }

  sectorsOfCluster(cluster: number): number[] {
    const { clusterBytes, sectorBytes } = this.geometry;
    return sectorsOf(this.fat.offsetOf(cluster), clusterBytes, sectorBytes);
  }

  clustersFor(sizeBytes: number): number {
    return Math.ceil(sizeBytes / this.geometry.clusterBytes);
  }

  async readFile(entry: DirectoryEntry): Promise<Buffer> {
    const { clusterBytes } = this.geometry;
    const clusters = entry.sizeBytes === 0 ? [] : this.fileChain(entry);
    const parts: Buffer[] = [];
    for (const [first, last] of mergeRuns(clusters)) {
      parts.push(await this.device.read(this.fat.offsetOf(first), (last - first + 1) * clusterBytes));
    }
    return Buffer.concat(parts).subarray(0, entry.sizeBytes);
  }

  /** Fills free clusters; the tail of the last one becomes zero. Does not sync. */
  async writeClusters(clusters: readonly number[], content: Buffer): Promise<void> {
    const { clusterBytes } = this.geometry;
    const padded = Buffer.alloc(clusters.length * clusterBytes);
    content.copy(padded);
    let from = 0;
    for (const [first, last] of mergeRuns(clusters)) {
      const to = from + (last - first + 1) * clusterBytes;
      await this.device.write(this.fat.offsetOf(first), padded.subarray(from, to));
      from = to;
    }
  }

  /** As many clusters as the size asks for; throws when the chain is shorter. */
  fileChain(entry: DirectoryEntry): number[] {
    const needed = this.clustersFor(entry.sizeBytes);
    const clusters = this.fat.chain(entry.firstCluster, needed);
    if (clusters.length < needed) throw damaged(`${entry.name} is shorter than its size says`);
    return clusters;
  }
}

const sectorsOf = (offset: number, sizeBytes: number, sectorBytes: number): number[] =>
  Array.from({ length: sizeBytes / sectorBytes }, (_, index) => offset + index * sectorBytes);
