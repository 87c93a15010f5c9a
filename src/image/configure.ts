import type { BlockDevice } from './block-device.js';
import type { BootEntry, BootFiles } from './boot-files.js';
import { findBootPartition, type OpenVolume } from './boot-partition.js';
import { diffOf, type FileDiff } from './configure-diff.js';
import { applyPlan, planConfiguration } from './configure-plan.js';
import type { ConfigureSettings } from './configure-settings.js';

/**
 * Sets up the boot partition of a written image; see `applyPlan` for what a power cut leaves. Answers what it changed, nothing when
 * all was so already. Throws an `RdtError` before anything is written when there is no boot partition or the settings do not fit it.
 */
export async function applyConfiguration(
  device: BlockDevice,
  settings: ConfigureSettings,
  openVolume: OpenVolume,
  signal: AbortSignal,
): Promise<readonly FileDiff[]> {
  const { files } = await findBootPartition(device, openVolume);
  const changes = await planConfiguration(files, settings);
  await applyPlan(files, changes, signal);
  return changes.map(diffOf);
}

/** Throws the `RdtError` that settings would meet on a card that nothing is set on, while it can still be said at no cost. */
export async function assertFitsFreshImage(settings: ConfigureSettings): Promise<void> {
  await planConfiguration(new NoFiles(), settings);
}

class NoFiles implements BootFiles {
  read(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  list(): Promise<readonly BootEntry[]> {
    return Promise.resolve([]);
  }

  replace(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}
