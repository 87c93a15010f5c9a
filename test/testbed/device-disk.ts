import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { type DeviceRecord, deviceFile } from './device-record.js';
import { insideDevice } from './device-processes.js';
import { mustRun, runProgram } from './program.js';

/** `df` counts blocks as free that the file system takes for itself when a file grows. */
const FILESYSTEM_NEEDS_BYTES = 4 * 1024 * 1024;

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
  const filler = fillerFile(record);
  const reservedBytes = Number(answer.split('\n')[1]) - FILESYSTEM_NEEDS_BYTES;
  await mustRun(insideDevice(record, ['fallocate', '--length', String(Math.max(reservedBytes, 1)), filler]));
  // The rest is written until the disk is full, which dd tells by a failure.
  const write = ['dd', 'if=/dev/zero', `of=${filler}`, 'bs=4k', 'oflag=append', 'conv=notrunc,fsync'];
  await runProgram(insideDevice(record, write));
  if (leaveBytes > 0) await mustRun(insideDevice(record, ['truncate', '--size', `-${leaveBytes}`, filler]));
}

export async function emptyDisk(record: DeviceRecord): Promise<void> {
  await mustRun(insideDevice(record, ['rm', '-f', fillerFile(record)]));
}

/**
 * As if the power went: what the kernel has not written yet is lost, and nothing can be written any more. The journal has been written,
 * which happens every five seconds: of new files it knows names and times, not yet the contents.
 */
export async function breakDisk(record: DeviceRecord): Promise<void> {
  const disk = deviceFile(record.options.name, 'docker');
  const any = deviceFile(record.options.name, 'docker', 'any');
  await mustRun(insideDevice(record, ['dd', 'if=/dev/zero', `of=${any}`, 'count=1', 'conv=fsync']));
  // EXT4_IOC_SHUTDOWN (fs/ext4/ext4.h) with EXT4_GOING_FLAGS_NOLOGFLUSH.
  const shutDown = `open(my $disk, '<', $ARGV[0]) or die $!; my $how = pack('I', 2); ioctl($disk, 0x8004587d, $how) or die $!`;
  await mustRun(insideDevice(record, ['perl', '-e', shutDown, disk]));
}

function fillerFile(record: DeviceRecord): string {
  return deviceFile(record.options.name, 'docker', 'filler');
}
