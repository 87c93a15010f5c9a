import { constants } from 'node:fs';
import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { RdtError } from '../../errors.js';
import type { Drive, OpenDrive } from '../flash-drive.js';
import { deviceNumberOf } from './device-number.js';
import { errorCode } from '../../system-error.js';
import { driveIoError, driveOpenError, pulledOutError } from './drive-error.js';
import { devicesOfDisk, holdersOfDevices, writersOfDevices } from './holders.js';

/** Tells how much sysfs counts in, whatever the drive's own sectors are. */
const SYSFS_SECTOR = 512;

/**
 * Opens a whole drive for direct I/O and for this process alone: the kernel refuses while any of it is mounted, swapped to, or held by
 * another volume or exclusive opener. Linux only. Throws an `RdtError` at once when it is busy, naming by whom.
 */
export async function openDirectDrive(drive: Drive): Promise<OpenDrive> {
  const handle = await openExclusively(drive.path);
  try {
    const deviceNumber = deviceNumberOf((await handle.stat()).rdev);
    const writers = await writersOfDevices(await devicesOfDisk(deviceNumber));
    if (writers.length > 0) throw busyError(drive.path, writers);
    const folder = `/sys/dev/block/${deviceNumber}`;
    const sizeBytes = await sizeInSysfs(folder);
    const sectorBytes = Number(await readFile(`${folder}/queue/logical_block_size`, 'utf8'));
    return new DirectDrive(handle, drive.path, folder, sizeBytes, sectorBytes);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const sizeInSysfs = async (folder: string): Promise<number> =>
  Number(await readFile(`${folder}/size`, 'utf8')) * SYSFS_SECTOR;

async function openExclusively(path: string): Promise<FileHandle> {
  const { O_RDWR, O_EXCL, O_DIRECT } = constants;
  try {
    return await open(path, O_RDWR | O_EXCL | O_DIRECT);
  } catch (error) {
    if (errorCode(error) === 'EBUSY') throw busyError(path, await holdersOf(path), error);
    throw driveOpenError(path, error);
  }
}

const holdersOf = async (path: string): Promise<string[]> =>
  holdersOfDevices(await devicesOfDisk(deviceNumberOf((await stat(path)).rdev)));

function busyError(path: string, holders: readonly string[], cause?: unknown): RdtError {
  const who = holders.length === 0 ? 'something that this user may not see' : holders.join(', ');
  return new RdtError(`${path} is busy: it is used by ${who}`, {
    hint: 'Close that first.',
    cause,
  });
}

class DirectDrive implements OpenDrive {
  constructor(
    private readonly handle: FileHandle,
    readonly path: string,
    private readonly sysfsFolder: string,
    readonly sizeBytes: number,
    readonly sectorBytes: number,
  ) {}

  async write(offset: number, data: Buffer): Promise<void> {
    await this.unlessPulledOut(() => writeFully(this.handle, this.path, offset, data));
  }

  async readInto(offset: number, target: Buffer): Promise<void> {
    await this.unlessPulledOut(() => readExactly(this.handle, this.path, offset, target));
  }

  extendTo(): Promise<void> {
    return Promise.resolve();
  }

  async sync(): Promise<void> {
    await this.unlessPulledOut(() => syncHandle(this.handle, this.path));
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** A drive that vanished fails with EIO, a reader without its card with ENOSPC, as if it were full: its size tells. */
  private async unlessPulledOut(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const sizeBytes = await sizeInSysfs(this.sysfsFolder).catch(() => 0);
      throw sizeBytes === this.sizeBytes ? error : pulledOutError(this.path, error);
    }
  }
}

/** What Node's file handles and etcher-sdk's block devices have in common. */
export interface PositionedFile {
  read(target: Buffer, at: number, length: number, offset: number): Promise<{ bytesRead: number }>;
  write(data: Buffer, at: number, length: number, offset: number): Promise<{ bytesWritten: number }>;
}

/** One write may be cut short at the end of a medium; the next one then says why. */
export async function writeFully(
  file: PositionedFile,
  path: string,
  offset: number,
  data: Buffer,
): Promise<void> {
  for (let done = 0; done < data.length; ) {
    try {
      const { bytesWritten } = await file.write(data, done, data.length - done, offset + done);
      if (bytesWritten === 0) throw new Error('nothing was written');
      done += bytesWritten;
    } catch (error) {
      throw driveIoError(path, 'writing', offset + done, error);
    }
  }
}

export async function readExactly(
  file: PositionedFile,
  path: string,
  offset: number,
  target: Buffer,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    try {
      const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
      if (bytesRead === 0) throw new Error('it ends there');
      done += bytesRead;
    } catch (error) {
      throw driveIoError(path, 'reading', offset + done, error);
    }
  }
}

export async function syncHandle(handle: FileHandle, path: string): Promise<void> {
  try {
    await handle.datasync();
  } catch (error) {
    throw driveIoError(path, 'flushing', 0, error);
  }
}
