import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { type DeviceRecord, deviceFile } from './device-record.js';
import { insideDevice } from './device-processes.js';
import { mustRun } from './program.js';

/** The sparse file of the engine's disk, which device-init.sh mounts. No blocks are kept for root: full is full. */
export async function createDisk(name: string, megabytes: number): Promise<void> {
  const file = deviceFile(name, 'disk.img');
  const descriptor = openSync(file, 'w');
  ftruncateSync(descriptor, megabytes * 1024 * 1024);
  closeSync(descriptor);
  await mustRun(['mkfs.ext4', '-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1', file]);
}

/** Takes all of the disk's free space but `leaveBytes`. */
export async function fillDisk(record: DeviceRecord, leaveBytes: number): Promise<void> {
  await emptyDisk(record);
  const disk = deviceFile(record.options.name, 'docker');
  const answer = await mustRun(insideDevice(record, ['df', '--block-size=1', '--output=avail', disk]));
  const fillerBytes = Number(answer.split('\n')[1]) - leaveBytes;
  await mustRun(insideDevice(record, ['fallocate', '--length', String(fillerBytes), fillerFile(record)]));
}

export async function emptyDisk(record: DeviceRecord): Promise<void> {
  await mustRun(insideDevice(record, ['rm', '-f', fillerFile(record)]));
}

function fillerFile(record: DeviceRecord): string {
  return deviceFile(record.options.name, 'docker', 'filler');
}
