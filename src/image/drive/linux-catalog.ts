import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RdtError } from '../../errors.js';
import type { Drive, DriveCatalog, FilePlace } from '../flash-drive.js';
import { deviceNumberOf } from './device-number.js';
import { fileDrive, identityOf, missing, newFile } from './file-target.js';
import { drivesOf, isOffered, type KernelView } from './linux-drives.js';
import { flatten, type LsblkNode, runLsblk } from './lsblk.js';
import { readMounts, readSwaps } from './mount-table.js';

/** As the kernel calls drives and their partitions: who types such a name means no file that is to be created. */
const DRIVE_NAME = /^(?:(?:[hsv]|xv)d[a-z]+\d*|(?:mmcblk\d+|nvme\d+n\d+|loop\d+)(?:p\d+)?)$/;

/** Drives by lsblk's tree, completed by the kernel's mount table: neither alone shows everything a drive is used for. */
export class LinuxDriveCatalog implements DriveCatalog {
  constructor(private readonly cwd: string) {}

  async list(signal: AbortSignal): Promise<readonly Drive[]> {
    const drives = drivesOf(await runLsblk(signal), await readKernelView());
    return drives.filter((drive) => isOffered(drive));
  }

  async find(name: string, signal: AbortSignal): Promise<Drive> {
    const path = await this.locate(name);
    const info = await stat(path).catch((error: unknown) => missing(path, error));
    if (info === undefined) return newFile(DRIVE_NAME.test(name) ? `/dev/${name}` : path);
    if (info.isFile()) return fileDrive(path, info.size, identityOf(info));
    if (!info.isBlockDevice()) throw new RdtError(`${name} is neither a drive nor an image file`);
    return this.findDevice(path, deviceNumberOf(info.rdev), signal);
  }

  async placeOf(path: string): Promise<FilePlace | undefined> {
    const real = resolve(this.cwd, path);
    const info = await stat(real).catch((error: unknown) => missing(real, error));
    if (info === undefined) return undefined;
    const device = deviceNumberOf(info.dev);
    const mounts = (await readMounts()).filter((mount) => mount.deviceNumber === device);
    return { identity: identityOf(info), mountPoints: mounts.map((mount) => mount.mountPoint) };
  }

  private async findDevice(path: string, deviceNumber: string, signal: AbortSignal): Promise<Drive> {
    const roots = await runLsblk(signal);
    const isMeant = (node: LsblkNode): boolean => node.path === path || node.deviceNumber === deviceNumber;
    const root = roots.find(isMeant) ?? roots.find((candidate) => flatten(candidate).some(isMeant));
    if (root === undefined) throw new RdtError(`${path} is not among the drives that lsblk lists`);
    const drive = drivesOf(roots, await readKernelView()).find((candidate) => candidate.path === root.path);
    if (drive === undefined) throw new Error(`${root.path} was listed and is not`);
    if (isMeant(root)) return { ...drive, path };
    const refusal = drive.refusal ?? `it is a part of ${root.path}: name the whole drive`;
    return { ...drive, path, refusal };
  }

  /** `sdb` means /dev/sdb unless there is a file of that name. */
  private async locate(name: string): Promise<string> {
    const path = resolve(this.cwd, name);
    for (const candidate of name.includes('/') ? [path] : [path, `/dev/${name}`]) {
      const real = await realpath(candidate).catch((error: unknown) => missing(candidate, error));
      if (real !== undefined) return real;
    }
    return path;
  }
}

async function readKernelView(): Promise<KernelView> {
  const [mounts, swaps] = await Promise.all([readMounts(), readSwaps()]);
  return { mounts, swaps, builtInMmc: await readBuiltInMmc() };
}

async function readBuiltInMmc(): Promise<Set<string>> {
  const names = (await readdir('/sys/block').catch(() => [])).filter((name) => /^mmcblk\d+$/.test(name));
  const types = await Promise.all(
    names.map((name) => readFile(`/sys/block/${name}/device/type`, 'utf8').catch(() => '')),
  );
  return new Set(names.filter((_, index) => types[index]?.trim() === 'MMC'));
}
