import type { BlockDevice } from '../block-device.js';

const LEAD = 0x41615252;
const STRUCT = 0x61417272;

/**
 * Puts the number of free clusters into the FSINFO sector of FAT32; a sector without its signatures is left alone.
 * It is a hint to readers, so it comes last in an edit and needs no order of its own.
 */
export async function writeFsInfo(device: BlockDevice, offset: number, freeClusters: number): Promise<void> {
  const sector = await device.read(offset, 512);
  if (sector.readUInt32LE(0) !== LEAD || sector.readUInt32LE(484) !== STRUCT) return;
  if (sector.readUInt32LE(488) === freeClusters) return;
  sector.writeUInt32LE(freeClusters, 488);
  await device.write(offset, sector);
}
