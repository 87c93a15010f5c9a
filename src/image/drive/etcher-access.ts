import { RdtError } from '../../errors.js';
import type { Drive, DriveAccess, OpenDrive } from '../flash-drive.js';
import { readExactly, writeFully, type PositionedFile } from './direct-drive.js';
import { errorCode } from '../../system-error.js';
import { driveIoError, driveOpenError } from './drive-error.js';
import type { DrivelistCatalog, ListedDrive } from './drivelist-catalog.js';
import { openFileDrive } from './file-drive.js';

/** What rdt uses of etcher-sdk's block device: it unmounts, locks and (on Windows) clears a drive, and opens it past all caches. */
export interface EtcherBlockDevice extends PositionedFile {
  open(): Promise<void>;
  close(): Promise<void>;
  readonly fileHandle: { sync(): Promise<void> };
}

export type CreateBlockDevice = (options: {
  readonly drive: ListedDrive;
  readonly write: true;
  readonly direct: true;
}) => EtcherBlockDevice;

/** Raw devices of macOS and Windows have nothing to flush, and say so in one of these ways. */
const NOTHING_TO_FLUSH: ReadonlySet<string> = new Set(['ENOTTY', 'ENOTSUP', 'EINVAL', 'EPERM']);

/** Opens drives on macOS and Windows; files without any package. */
export class EtcherAccess implements DriveAccess {
  constructor(
    private readonly catalog: DrivelistCatalog,
    private readonly createDevice: CreateBlockDevice,
  ) {}

  /** Opening says it: there is no right to ask for beforehand. */
  checkPermission(): Promise<void> {
    return Promise.resolve();
  }

  /** A part of opening there, since a drive that is not locked at once is mounted again. */
  unmount(): Promise<void> {
    return Promise.resolve();
  }

  async open(drive: Drive): Promise<OpenDrive> {
    if (drive.kind === 'file') return openFileDrive(drive);
    const listed = await this.catalog.listed(drive.path);
    const now = await this.catalog.find(drive.path);
    if (listed === undefined || now.identity !== drive.identity || now.refusal !== undefined) {
      throw new RdtError(`${drive.path} is another drive now than when it was chosen`, {
        hint: 'Start again.',
      });
    }
    const device = this.createDevice({ drive: listed, write: true, direct: true });
    await device.open().catch((error: unknown) => {
      throw driveOpenError(drive.path, error);
    });
    return new EtcherDrive(device, drive.path, drive.sizeBytes);
  }
}

class EtcherDrive implements OpenDrive {
  readonly sectorBytes = 512;

  constructor(
    private readonly device: EtcherBlockDevice,
    readonly path: string,
    readonly sizeBytes: number,
  ) {}

  write(offset: number, data: Buffer): Promise<void> {
    return writeFully(this.device, this.path, offset, data);
  }

  readInto(offset: number, target: Buffer): Promise<void> {
    return readExactly(this.device, this.path, offset, target);
  }

  extendTo(): Promise<void> {
    return Promise.resolve();
  }

  async sync(): Promise<void> {
    try {
      await this.device.fileHandle.sync();
    } catch (error) {
      if (!NOTHING_TO_FLUSH.has(errorCode(error) ?? '')) throw driveIoError(this.path, 'flushing', 0, error);
    }
  }

  close(): Promise<void> {
    return this.device.close();
  }
}
