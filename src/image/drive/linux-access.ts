import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { RdtError } from '../../errors.js';
import type { Drive, DriveAccess, DriveCatalog, OpenDrive } from '../flash-drive.js';
import { openDirectDrive } from './direct-drive.js';
import { driveOpenError } from './drive-error.js';
import { openFileDrive } from './file-drive.js';
import { unmountAll } from './unmount.js';

export class LinuxDriveAccess implements DriveAccess {
  constructor(private readonly catalog: DriveCatalog) {}

  async checkPermission(drive: Drive): Promise<void> {
    if (drive.kind === 'file') return;
    await access(drive.path, constants.W_OK).catch((error: unknown) => {
      throw driveOpenError(drive.path, error);
    });
  }

  async unmount(drive: Drive, signal: AbortSignal): Promise<void> {
    await unmountAll(
      drive.path,
      drive.volumes.flatMap((volume) => volume.mountPoints),
      signal,
    );
  }

  async open(drive: Drive, signal: AbortSignal): Promise<OpenDrive> {
    if (drive.kind === 'file') return openFileDrive(drive);
    const opening = openDirectDrive(drive);
    try {
      // Another card may have come in its place while the user was asked.
      const [, now] = await Promise.all([opening, this.catalog.find(drive.path, signal)]);
      if (now.identity === drive.identity && now.refusal === undefined) return await opening;
      throw new RdtError(`${drive.path} is another drive now than when it was chosen`, {
        hint: 'Start again.',
      });
    } catch (error) {
      const [opened] = await Promise.allSettled([opening]);
      if (opened.status === 'fulfilled') await opened.value.close();
      throw error;
    }
  }
}
