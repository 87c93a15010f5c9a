import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { RdtError } from '../../errors.js';
import type { Drive, OpenDrive } from '../flash-drive.js';
import { errorCode } from '../../system-error.js';
import { driveOpenError } from './drive-error.js';
import { readExactly, syncHandle, writeFully } from './direct-drive.js';

/** What direct I/O on files wants offsets and lengths to be multiples of, on every file system in use. */
const DIRECT_GRAIN = 4096;

/**
 * Opens a file that stands for a drive, creating it when it is new. It is written through the page cache, and read back past it
 * where its file system allows.
 */
export async function openFileDrive(drive: Drive): Promise<OpenDrive> {
  const { O_RDWR, O_CREAT } = constants;
  const handle = await openOrThrow(drive.path, O_RDWR | O_CREAT);
  return new FileDrive(handle, await openDirect(drive.path), drive.path, drive.sizeBytes);
}

async function openOrThrow(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o666);
  } catch (error) {
    if (errorCode(error) === 'EACCES')
      throw new RdtError(`this user may not write ${path}`, { cause: error });
    throw driveOpenError(path, error);
  }
}

/** Undefined on file systems without direct I/O, and on systems without the flag. */
async function openDirect(path: string): Promise<FileHandle | undefined> {
  const direct: unknown = Reflect.get(constants, 'O_DIRECT');
  if (typeof direct !== 'number') return undefined;
  return open(path, constants.O_RDONLY | direct).catch(() => undefined);
}

class FileDrive implements OpenDrive {
  /** Files take any length: nothing is padded. */
  readonly sectorBytes = 1;
  readonly sizeBytes: number;

  /** A new file has no size yet, and grows with the image. */
  constructor(
    private readonly handle: FileHandle,
    private readonly direct: FileHandle | undefined,
    readonly path: string,
    sizeBytes: number,
  ) {
    this.sizeBytes = sizeBytes === 0 ? Number.MAX_SAFE_INTEGER : sizeBytes;
  }

  async write(offset: number, data: Buffer): Promise<void> {
    await writeFully(this.handle, this.path, offset, data);
  }

  async readInto(offset: number, target: Buffer): Promise<void> {
    const directBytes =
      offset % DIRECT_GRAIN === 0 ? Math.floor(target.length / DIRECT_GRAIN) * DIRECT_GRAIN : 0;
    const aligned = this.direct === undefined ? 0 : directBytes;
    if (aligned > 0 && this.direct !== undefined) {
      await readExactly(this.direct, this.path, offset, target.subarray(0, aligned));
    }
    await readExactly(this.handle, this.path, offset + aligned, target.subarray(aligned));
  }

  async extendTo(sizeBytes: number): Promise<void> {
    if ((await this.handle.stat()).size < sizeBytes) await this.handle.truncate(sizeBytes);
  }

  async sync(): Promise<void> {
    await syncHandle(this.handle, this.path);
  }

  async close(): Promise<void> {
    await this.direct?.close();
    await this.handle.close();
  }
}
