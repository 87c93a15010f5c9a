import { type BlockReader, type ByteRange, readOnlyDevice, sliceReader } from '../block-device.js';
import { wholeSectors } from '../block-map.js';
import { BOOT_SECTOR_BYTES, type FatGeometry, parseBootSector } from '../fat/boot-sector.js';
import { FatTable } from '../fat/fat-table.js';
import { readPartitionTable } from '../partition-table.js';

/**
 * What the FAT volumes of an image need: all but their free clusters. A zero in a FAT says that a cluster is free, and one in a directory
 * that it ends there, so a run of zeros that some program made a hole of is not to be left out.
 */
export async function rangesOfFatVolumes(image: BlockReader): Promise<ByteRange[]> {
  const { partitions } = await readPartitionTable(image);
  const volumes = partitions.length === 0 ? [{ offset: 0, sizeBytes: image.sizeBytes }] : partitions;
  const ranges: ByteRange[] = [];
  for (const volume of volumes) {
    if (volume.offset + volume.sizeBytes > image.sizeBytes) continue;
    const needed = await rangesOfVolume(sliceReader(image, volume));
    ranges.push(...needed.map((range) => wholeSectors(range, volume.offset, image.sizeBytes)));
  }
  return ranges;
}

async function rangesOfVolume(volume: BlockReader): Promise<ByteRange[]> {
  if (volume.sizeBytes < BOOT_SECTOR_BYTES) return [];
  const geometry = parseBootSector(await volume.read(0, BOOT_SECTOR_BYTES), volume.sizeBytes);
  if (geometry === undefined) return [];
  if (!FatTable.fits(geometry)) return [{ offset: 0, sizeBytes: volume.sizeBytes }];
  const table = await FatTable.load(readOnlyDevice(volume), geometry);
  return [{ offset: 0, sizeBytes: geometry.dataOffset }, ...usedClusters(table, geometry)];
}

function usedClusters(table: FatTable, { clusterBytes }: FatGeometry): ByteRange[] {
  return table.usedRuns().map(([first, last]) => ({
    offset: table.offsetOf(first),
    sizeBytes: (last - first + 1) * clusterBytes,
  }));
}
