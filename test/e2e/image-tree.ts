import type { VirtualDevice } from '../testbed/virtual-device.js';
import { containerTree, type FileTree } from './file-trees.js';

/** Reads a folder of an image by the engine's own archive. */
export async function imageTree(device: VirtualDevice, image: string, folder: string): Promise<FileTree> {
  const created = await device.docker('create', image);
  const container = created.stdout.trim();
  try {
    return await containerTree(`unix://${device.engineDoor}`, container, folder);
  } finally {
    await device.docker('rm', container);
  }
}
