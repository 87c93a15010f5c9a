import { type BlockDevice, type BlockReader, readOnlyDevice } from './block-device.js';
import { findBootPartition, type OpenVolume } from './boot-partition.js';
import { applyConfiguration, assertFitsFreshImage } from './configure.js';
import { planConfiguration } from './configure-plan.js';
import { type ConfigureSettings, isEmptySettings } from './configure-settings.js';
import { type GivenSettings, mergeGiven } from './given-settings.js';
import { resolveSettings, type SettingSources } from './resolve-settings.js';

/** What the card is to be set up with: as `rdt configure` takes it. */
export interface FlashSettings {
  readonly given: GivenSettings;
  /** A file with settings, as typed. What is given wins over it. */
  readonly from: string | undefined;
}

export interface FlashSettingPorts {
  /** Throws an `RdtError` (usage) with line and column for what is wrong in the file. */
  readSettingsFile(path: string): Promise<GivenSettings>;
  readonly sources: SettingSources;
  readonly openVolume: OpenVolume;
}

/** Settings that were read and checked, ready for any number of cards. All throw `RdtError`s. */
export interface CardConfiguration {
  /** Finds out before a drive is touched what `apply` would fail for, where the image can be read anywhere. */
  check(image: BlockReader): Promise<void>;
  apply(device: BlockDevice, signal: AbortSignal): Promise<void>;
}

/** Undefined when nothing is to be set. Throws an `RdtError` (usage) for settings that are wrong or do not fit together. */
export async function prepareConfiguration(
  { given, from }: FlashSettings,
  ports: FlashSettingPorts,
): Promise<CardConfiguration | undefined> {
  const fromFile = from === undefined ? {} : await ports.readSettingsFile(from);
  const settings = await resolveSettings(mergeGiven(fromFile, given), ports.sources);
  if (isEmptySettings(settings)) return undefined;
  await assertFitsFreshImage(settings);
  return new PreparedConfiguration(settings, ports.openVolume);
}

class PreparedConfiguration implements CardConfiguration {
  constructor(
    private readonly settings: ConfigureSettings,
    private readonly openVolume: OpenVolume,
  ) {}

  async check(image: BlockReader): Promise<void> {
    const { files } = await findBootPartition(readOnlyDevice(image), this.openVolume);
    await planConfiguration(files, this.settings);
  }

  async apply(device: BlockDevice, signal: AbortSignal): Promise<void> {
    await applyConfiguration(device, this.settings, this.openVolume, signal);
  }
}
