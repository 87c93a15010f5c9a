import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { RdtError } from '../../errors.js';
import { assertInside, type BlockDevice } from '../block-device.js';
import { errorCode } from '../../system-error.js';

/** An image file or a drive, open until it is disposed of. */
export interface FileDevice extends BlockDevice, AsyncDisposable {
  readonly kind: 'file' | 'drive';
}

export type Access = 'read' | 'write';

/**
 * Opens an image file or a drive. A drive is opened for this process alone: Linux refuses that while any part of it is mounted.
 * Throws an `RdtError` when it is missing, no file or drive, not allowed, or in use.
 */
export async function openFileDevice(
  path: string,
  access: Access,
  platform: NodeJS.Platform,
): Promise<FileDevice> {
  const handle = await openPath(path, access, platform);
  try {
    return await toDevice(handle, path, access, platform);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openPath(path: string, access: Access, platform: NodeJS.Platform): Promise<FileHandle> {
  const flags = access === 'read' ? constants.O_RDONLY : constants.O_RDWR;
  // Without O_CREAT, Linux takes O_EXCL for an exclusive claim on a drive, and ignores it on a file.
  const exclusive = platform === 'linux' && access === 'write' ? constants.O_EXCL : 0;
  // A pipe without a writer would keep us waiting where no signal ends it.
  const immediate = platform === 'win32' ? 0 : constants.O_NONBLOCK;
  return await open(path, flags | exclusive | immediate).catch((error: unknown) => {
    throw openFailed(path, access, error);
  });
}

async function toDevice(
  handle: FileHandle,
  path: string,
  access: Access,
  platform: NodeJS.Platform,
): Promise<FileDevice> {
  const stats = await handle.stat();
  const kind = stats.isFile() ? 'file' : 'drive';
  // Raw drives are character devices on macOS; on Linux those are terminals and the like.
  const isDrive = stats.isBlockDevice() || (stats.isCharacterDevice() && platform !== 'linux');
  if (kind === 'drive' && !isDrive) {
    throw new RdtError(`${path} is neither an image file nor a drive`);
  }
  const sizeBytes = kind === 'file' ? stats.size : await driveSize(handle, stats.rdev, platform);
  return {
    kind,
    sizeBytes,
    async read(offset, length) {
      assertInside(sizeBytes, offset, length);
      return readFully(handle, path, offset, length);
    },
    async write(offset, data) {
      assertInside(sizeBytes, offset, data.length);
      if (access === 'read') throw new RangeError(`${path} was opened for reading`);
      await writeFully(handle, path, offset, data);
    },
    sync: () => handle.sync().catch((error: unknown) => Promise.reject(mediumFailed(path, 'write', error))),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** A drive has no size in `stat`. Linux tells it in sysfs, in units of 512 bytes; elsewhere the end is searched for. */
async function driveSize(handle: FileHandle, rdev: number, platform: NodeJS.Platform): Promise<number> {
  if (platform !== 'linux') return searchEnd(handle);
  // As glibc's gnu_dev_major and gnu_dev_minor for what fits in 32 bits.
  const [major, minor] = [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)];
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8')) * 512;
}

/** Reading behind the end gives nothing, or an error on Windows. */
async function searchEnd(handle: FileHandle): Promise<number> {
  const sector = Buffer.alloc(512);
  const exists = async (index: number): Promise<boolean> => {
    const result = await handle.read(sector, 0, 512, index * 512).catch(() => ({ bytesRead: 0 }));
    return result.bytesRead === 512;
  };
  let present = -1;
  let missing = 1;
  while (await exists(missing)) [present, missing] = [missing, missing * 2];
  while (missing - present > 1) {
    const middle = Math.floor((present + missing) / 2);
    if (await exists(middle)) present = middle;
    else missing = middle;
  }
  return missing * 512;
}

async function readFully(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle
      .read(bytes, done, length - done, offset + done)
      .catch((error: unknown) => Promise.reject(mediumFailed(path, 'read', error)));
    if (bytesRead === 0) throw new RdtError(`${path} ended at byte ${offset + done} while it was read`);
    done += bytesRead;
  }
  return bytes;
}

async function writeFully(handle: FileHandle, path: string, offset: number, data: Buffer): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const { bytesWritten } = await handle
      .write(data, done, data.length - done, offset + done)
      .catch((error: unknown) => Promise.reject(mediumFailed(path, 'write', error)));
    done += bytesWritten;
  }
}

function mediumFailed(path: string, action: 'read' | 'write', cause: unknown): RdtError {
  return new RdtError(`${path} could not be ${action === 'read' ? 'read' : 'written'}: ${textOf(cause)}`, {
    cause,
  });
}

function openFailed(path: string, access: Access, cause: unknown): RdtError {
  switch (errorCode(cause) ?? '') {
    case 'ENOENT':
      return new RdtError(`${path} does not exist`, { cause });
    case 'EISDIR':
      return new RdtError(`${path} is a directory, not an image file or a drive`, { cause });
    case 'EACCES':
    case 'EPERM':
      return new RdtError(`no permission to ${access} ${path}`, { hint: permissionHint(path), cause });
    case 'EROFS':
      return new RdtError(`${path} is on a read-only file system`, { cause });
    case 'EBUSY':
      return new RdtError(`${path} is in use`, {
        hint: 'Unmount everything on this drive first, and close the programs that use it.',
        cause,
      });
    default:
      return new RdtError(`${path} could not be opened: ${textOf(cause)}`, { cause });
  }
}

const permissionHint = (path: string): string =>
  path.startsWith('/dev/')
    ? 'Run rdt with sudo, or add yourself to the group "disk".'
    : 'Check who owns the file, and its mode.';

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
