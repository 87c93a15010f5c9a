import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RdtError } from '../../errors.js';
import type { Drive, DriveCatalog, FilePlace } from '../flash-drive.js';
import { fileDrive, identityOf, missing, newFile } from './file-target.js';

/** What rdt uses of a drive as drivelist 12 describes it. */
export interface ListedDrive {
  /** `/dev/disk2`, `\\.\PhysicalDrive1`. */
  readonly device: string;
  /** What is opened: `/dev/rdisk2` on macOS. */
  readonly raw: string;
  readonly devicePath: string | null;
  readonly description: string;
  readonly busType: string;
  readonly size: number | null;
  readonly isSystem: boolean;
  readonly isVirtual: boolean | null;
  readonly isRemovable: boolean;
  readonly isReadOnly: boolean;
  readonly mountpoints: readonly { readonly path: string; readonly label?: string | null }[];
}

export type ListDrives = () => Promise<readonly ListedDrive[]>;

/** Drives of macOS and Windows. There drivelist asks the system itself; on Linux it does not tell enough (FLASH.md). */
export class DrivelistCatalog implements DriveCatalog {
  constructor(
    private readonly cwd: string,
    private readonly listDrives: ListDrives,
  ) {}

  async list(): Promise<readonly Drive[]> {
    const drives = (await this.listDrives()).map(toDrive);
    return drives.filter((drive) => drive.refusal === undefined && !drive.readOnly && drive.sizeBytes > 0);
  }

  async find(name: string): Promise<Drive> {
    const file = await this.findFile(name);
    if (file !== undefined) return file;
    const listed = isDeviceName(name) ? await this.listed(name) : undefined;
    if (listed !== undefined) return toDrive(listed);
    return newFile(resolve(this.cwd, name));
  }

  /** As drivelist has it, for what opens it. */
  async listed(name: string): Promise<ListedDrive | undefined> {
    const drives = await this.listDrives();
    return drives.find((drive) =>
      [drive.device, drive.raw].some((path) => path.toLowerCase() === name.toLowerCase()),
    );
  }

  async placeOf(path: string): Promise<FilePlace | undefined> {
    const real = await realpath(resolve(this.cwd, path)).catch((error: unknown) => missing(path, error));
    if (real === undefined) return undefined;
    // Without the package no drive can be written either, so it does not matter what lies where.
    const drives = await this.listDrives().catch(() => []);
    const mountPoints = drives.flatMap((drive) => drive.mountpoints.map((mount) => mount.path));
    const holding = mountPoints
      .filter((point) => real.startsWith(point))
      .sort((one, other) => other.length - one.length);
    return { identity: identityOf(await stat(real)), mountPoints: holding.slice(0, 1) };
  }

  private async findFile(name: string): Promise<Drive | undefined> {
    const path = resolve(this.cwd, name);
    const info = await stat(path).catch((error: unknown) => missing(path, error));
    if (info?.isDirectory() === true) throw new RdtError(`${name} is neither a drive nor an image file`);
    return info?.isFile() === true ? fileDrive(path, info.size, identityOf(info)) : undefined;
  }
}

const isDeviceName = (name: string): boolean => /^(\/dev\/|\\\\[.?]\\)/.test(name);

function toDrive(listed: ListedDrive): Drive {
  return {
    kind: 'disk',
    path: listed.device,
    sizeBytes: listed.size ?? 0,
    model: listed.description === '' ? undefined : listed.description,
    bus: listed.busType === '' ? undefined : listed.busType.toLowerCase(),
    removable: listed.isRemovable,
    readOnly: listed.isReadOnly,
    volumes: listed.mountpoints.map(({ path, label }) => ({
      path: listed.device,
      type: 'part',
      sizeBytes: listed.size ?? 0,
      fsType: undefined,
      label: label ?? undefined,
      mountPoints: [path],
    })),
    refusal: refusalOf(listed),
    identity: [listed.devicePath, listed.description, listed.size].join(' '),
  };
}

function refusalOf(listed: ListedDrive): string | undefined {
  if (listed.isSystem) return 'it carries the running system';
  if (listed.isVirtual === true) return 'it is no drive, but a part of one or an image that is open';
  return undefined;
}
