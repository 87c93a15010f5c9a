import { printable } from '../discovery/printable.js';
import { RdtError } from '../errors.js';
import { type BlockDevice, type ByteRange, sliceDevice } from './block-device.js';
import type { BootFiles } from './boot-files.js';
import type { Partition } from './partition.js';
import { type PartitionTable, readPartitionTable } from './partition-table.js';

/** A file system of a kind that boot partitions have. */
export interface BootVolume extends BootFiles {
  label(): Promise<string>;
}

/** Undefined when there is no such file system on the device; throws an `RdtError` when there is one that is damaged. */
export type OpenVolume = (device: BlockDevice) => Promise<BootVolume | undefined>;

export interface BootPartition extends ByteRange {
  readonly files: BootFiles;
  /** `partition 1 (resin-boot)`, for messages. */
  readonly description: string;
}

/** By release: resinOS, installer images, balenaOS since 2.x (device-facts). */
const BOOT_NAMES: ReadonlySet<string> = new Set(['resin-boot', 'flash-boot', 'balena-boot']);
const DEVICE_TYPE_FILE = '/device-type.json';

interface Candidate {
  readonly partition: Partition;
  readonly volume: BootVolume;
  readonly label: string;
}

/**
 * Finds the boot partition: by GPT name or FAT label, else by its `/device-type.json`, else partition 1; a medium without a table may
 * be one FAT volume as a whole. Throws an `RdtError` that lists what was found when there is none.
 */
export async function findBootPartition(device: BlockDevice, openVolume: OpenVolume): Promise<BootPartition> {
  const table = await readPartitionTable(device);
  if (table.partitions.length === 0) return bareVolume(device, table, openVolume);
  const candidates = await openCandidates(device, table.partitions, openVolume);
  const chosen = await choose(candidates);
  if (chosen === undefined) throw nothingFound(device, table, candidates);
  const { partition, volume, label } = chosen;
  const name = label === '' ? partition.name : label;
  return {
    files: volume,
    offset: partition.offset,
    sizeBytes: partition.sizeBytes,
    description: `partition ${partition.number}${name === '' ? '' : ` (${name})`}`,
  };
}

async function openCandidates(
  device: BlockDevice,
  partitions: readonly Partition[],
  openVolume: OpenVolume,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const partition of partitions) {
    if (!isInside(partition, device)) continue;
    const volume = await openVolume(sliceDevice(device, partition));
    if (volume !== undefined) candidates.push({ partition, volume, label: await volume.label() });
  }
  return candidates;
}

const isInside = (partition: Partition, device: BlockDevice): boolean =>
  partition.offset + partition.sizeBytes <= device.sizeBytes;

async function choose(candidates: readonly Candidate[]): Promise<Candidate | undefined> {
  const named = candidates.find(({ partition, label }) => isBootName(partition.name) || isBootName(label));
  if (named !== undefined) return named;
  for (const candidate of candidates) {
    if ((await candidate.volume.read(DEVICE_TYPE_FILE)) !== undefined) return candidate;
  }
  return candidates.find(({ partition }) => partition.number === 1);
}

/** FAT tools like to write labels in capitals. */
const isBootName = (name: string): boolean => BOOT_NAMES.has(name.toLowerCase());

async function bareVolume(
  device: BlockDevice,
  table: PartitionTable,
  openVolume: OpenVolume,
): Promise<BootPartition> {
  const volume = await openVolume(device);
  if (volume === undefined) throw noPartitions(table);
  return { files: volume, offset: 0, sizeBytes: device.sizeBytes, description: 'the FAT volume' };
}

function noPartitions(table: PartitionTable): RdtError {
  if (table.kind === 'none') {
    return new RdtError('there is no partition table and no FAT file system here', {
      hint: 'A resinOS image starts with an MBR or a GPT. Is this the right file, and was it downloaded completely?',
    });
  }
  return new RdtError('the partition table is empty, so there is no boot partition', {
    hint: 'Intel Edison images are like that: rdt cannot configure them. Configure the running device instead, with --device.',
  });
}

function nothingFound(
  device: BlockDevice,
  table: PartitionTable,
  candidates: readonly Candidate[],
): RdtError {
  const lines = table.partitions.map((partition) => {
    const found = candidates.find((candidate) => candidate.partition === partition)?.label;
    const label = found === undefined ? undefined : printable(found);
    const name = partition.name === '' ? '' : ` "${printable(partition.name)}"`;
    const content = label === undefined ? 'no FAT file system' : `FAT "${label}"`;
    const beyond = isInside(partition, device) ? '' : ', reaches beyond the end: the image is cut off';
    const size = `${(partition.sizeBytes / 2 ** 20).toFixed(1)} MiB`;
    return `  ${partition.number}:${name} type ${partition.type}, ${size}, ${content}${beyond}`;
  });
  return new RdtError('there is no boot partition here', {
    hint: [
      `Found ${table.kind === 'gpt' ? 'a GPT' : 'an MBR'} with`,
      ...lines,
      'A boot partition is FAT and named resin-boot, flash-boot or balena-boot, or holds device-type.json, or comes first.',
    ].join('\n'),
  });
}
