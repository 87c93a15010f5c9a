import { RdtError } from '../../errors.js';
import type { BlockDevice } from '../block-device.js';
import type { FatGeometry } from './boot-sector.js';
import { damaged } from './damaged.js';

/** The whole table is held in memory; this is room for volumes far larger than any boot partition. */
const MAX_FAT_BYTES = 128 << 20;
export const FREE = 0;
const FIRST_CLUSTER = 2;

/** What one entry says, see `next`. */
export type Link = number | 'free' | 'bad' | 'end';

/**
 * The file allocation table. Changes stay in memory until `flush` writes the touched sectors to every copy;
 * `flush` does not sync.
 */
export class FatTable {
  readonly #device: BlockDevice;
  readonly #geometry: FatGeometry;
  readonly #bytes: Buffer;
  readonly #dirtySectors = new Set<number>();

  private constructor(device: BlockDevice, geometry: FatGeometry, bytes: Buffer) {
    this.#device = device;
    this.#geometry = geometry;
    this.#bytes = bytes;
  }

  /** Small enough to be loaded. */
  static fits(geometry: FatGeometry): boolean {
    return geometry.fatBytes <= MAX_FAT_BYTES;
  }

  static async load(device: BlockDevice, geometry: FatGeometry): Promise<FatTable> {
    const [offset = 0] = geometry.fatOffsets;
    if (!FatTable.fits(geometry)) {
      throw new RdtError('this FAT volume is too large to be a boot partition');
    }
    return new FatTable(device, geometry, await device.read(offset, geometry.fatBytes));
  }

  get lastCluster(): number {
    return this.#geometry.clusterCount + 1;
  }

  /** Where the chain goes on after `cluster`. Throws when that is outside of the volume. */
  next(cluster: number): Link {
    const value = this.#get(cluster);
    if (value === FREE) return 'free';
    if (value >= this.#endMarker - 7) return 'end';
    if (value === this.#endMarker - 8) return 'bad';
    if (!this.isCluster(value)) throw damaged(`cluster ${cluster} leads outside of the volume`);
    return value;
  }

  isCluster(value: number): boolean {
    return value >= FIRST_CLUSTER && value <= this.lastCluster;
  }

  /**
   * The clusters of a chain, at most `limit` of them.
   * Throws when it runs into a free or bad cluster, out of the volume, or in a circle.
   */
  chain(first: number, limit = Number.POSITIVE_INFINITY): number[] {
    const clusters: number[] = [];
    let link: Link = first;
    while (link !== 'end' && clusters.length < limit) {
      if (typeof link !== 'number') throw damaged(`a file uses a cluster that is marked ${link}`);
      if (!this.isCluster(link)) throw damaged(`a file starts outside of the volume`);
      if (clusters.length >= this.#geometry.clusterCount) throw damaged('a file runs in a circle');
      clusters.push(link);
      link = this.next(link);
    }
    return clusters;
  }

  /** Takes `count` free clusters, the lowest first, and links them to one ended chain. Throws an `RdtError` when there are not enough. */
  allocate(count: number): number[] {
    const clusters = this.#findFree(count);
    clusters.forEach((cluster, index) => this.link(cluster, clusters[index + 1] ?? 'end'));
    return clusters;
  }

  link(cluster: number, next: number | 'end'): void {
    this.#set(cluster, next === 'end' ? this.#endMarker : next);
  }

  release(clusters: readonly number[]): void {
    for (const cluster of clusters) this.#set(cluster, FREE);
  }

  countFree(): number {
    let free = 0;
    for (let cluster = FIRST_CLUSTER; cluster <= this.lastCluster; cluster++) {
      if (this.#get(cluster) === FREE) free++;
    }
    return free;
  }

  /** Runs of clusters that are not free, as inclusive pairs in ascending order. */
  usedRuns(): [first: number, last: number][] {
    const runs: [number, number][] = [];
    for (let cluster = FIRST_CLUSTER; cluster <= this.lastCluster; cluster++) {
      if (this.#get(cluster) === FREE) continue;
      const run = runs.at(-1);
      if (run?.[1] === cluster - 1) run[1] = cluster;
      else runs.push([cluster, cluster]);
    }
    return runs;
  }

  /** Byte offset of a cluster's data. */
  offsetOf(cluster: number): number {
    return this.#geometry.dataOffset + (cluster - FIRST_CLUSTER) * this.#geometry.clusterBytes;
  }

  /** Writes what was changed to each copy in turn. */
  async flush(): Promise<void> {
    const runs = mergeRuns([...this.#dirtySectors].sort((a, b) => a - b));
    const size = this.#geometry.sectorBytes;
    for (const copy of this.#geometry.fatOffsets) {
      for (const [first, last] of runs) {
        await this.#device.write(copy + first * size, this.#bytes.subarray(first * size, (last + 1) * size));
      }
    }
    this.#dirtySectors.clear();
  }

  /** Throws an `RdtError` when fewer clusters are free. */
  assertFree(count: number): void {
    this.#findFree(count);
  }

  #findFree(count: number): number[] {
    const clusters: number[] = [];
    for (let cluster = FIRST_CLUSTER; cluster <= this.lastCluster && clusters.length < count; cluster++) {
      if (this.#get(cluster) === FREE) clusters.push(cluster);
    }
    if (clusters.length === count) return clusters;
    throw new RdtError('the boot partition is full', {
      hint: `The change needs ${count * this.#geometry.clusterBytes} bytes, ${clusters.length * this.#geometry.clusterBytes} are free.`,
    });
  }

  get #endMarker(): number {
    return this.#geometry.type === 32 ? 0x0fffffff : (1 << this.#geometry.type) - 1;
  }

  #get(cluster: number): number {
    switch (this.#geometry.type) {
      case 12: {
        const pair = this.#bytes.readUInt16LE(twelveBitOffset(cluster));
        return cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
      }
      case 16:
        return this.#bytes.readUInt16LE(cluster * 2);
      case 32:
        return this.#bytes.readUInt32LE(cluster * 4) & 0x0fffffff;
    }
  }

  #set(cluster: number, value: number): void {
    switch (this.#geometry.type) {
      case 12:
        this.#setTwelveBits(cluster, value);
        break;
      case 16:
        this.#bytes.writeUInt16LE(value, cluster * 2);
        this.#touch(cluster * 2);
        break;
      case 32:
        this.#setTwentyEightBits(cluster, value);
    }
  }

  /** The top four bits of an entry are reserved and stay as they are. */
  #setTwentyEightBits(cluster: number, value: number): void {
    const reserved = this.#bytes.readUInt32LE(cluster * 4) & 0xf0000000;
    this.#bytes.writeUInt32LE((reserved | value) >>> 0, cluster * 4);
    this.#touch(cluster * 4);
  }

  #setTwelveBits(cluster: number, value: number): void {
    const offset = twelveBitOffset(cluster);
    const pair = this.#bytes.readUInt16LE(offset);
    const merged = cluster % 2 === 0 ? (pair & 0xf000) | value : (pair & 0x000f) | (value << 4);
    this.#bytes.writeUInt16LE(merged, offset);
    this.#touch(offset);
    this.#touch(offset + 1);
  }

  #touch(offset: number): void {
    this.#dirtySectors.add(Math.floor(offset / this.#geometry.sectorBytes));
  }
}

const twelveBitOffset = (cluster: number): number => cluster + (cluster >> 1);

/** Sorted numbers as inclusive runs of neighbours. */
export function mergeRuns(sorted: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const value of sorted) {
    const run = runs.at(-1);
    if (run?.[1] === value - 1) run[1] = value;
    else runs.push([value, value]);
  }
  return runs;
}
