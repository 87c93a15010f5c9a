import type { ListDrives, ListedDrive } from './drivelist-catalog.js';
import type { CreateBlockDevice, EtcherBlockDevice } from './etcher-access.js';
import { loadOptionalPackage } from './optional-package.js';

// Both have native parts, and etcher-sdk a dependency on GitHub: rdt must be installable without (FLASH.md, docs/decisions).
const DRIVELIST = 'drivelist@12';
const ETCHER_SDK = 'etcher-sdk@10';
/** The index of the package costs 300 ms and installs handlers of its own for the whole process; this costs 32 ms. */
const BLOCK_DEVICE = 'etcher-sdk/build/source-destination/block-device';

/** Throws an `RdtError` when the package is missing. */
export const listByDrivelist: ListDrives = async () => {
  const { list } = loadOptionalPackage('drivelist', DRIVELIST) as { list: () => Promise<ListedDrive[]> };
  return list();
};

/** Throws an `RdtError` when the package is missing. */
export const createEtcherDevice: CreateBlockDevice = (options) => {
  const { BlockDevice } = loadOptionalPackage(BLOCK_DEVICE, ETCHER_SDK) as {
    BlockDevice: new (given: typeof options) => EtcherBlockDevice;
  };
  return new BlockDevice(options);
};
