import type { Stats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { RdtError } from '../../errors.js';
import type { Drive, DriveCatalog, FilePlace, Volume } from '../flash-drive.js';
import { flatten, runLsblk, type LsblkNode } from './lsblk.js';
import { readMounts, readSwaps, type Mount } from './mount-table.js';
import { deviceNumberOf } from './device-number.js';
import { SystemDisks } from './system-disk.js';

/** What the kernel says beside lsblk. */
export interface KernelView {
  readonly mounts: readonly Mount[];
  readonly swaps: readonly string[];
  /** Kernel names of MMC devices that are soldered in (eMMC), as opposed to cards. */
  readonly builtInMmc: ReadonlySet<string>;
}

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
    if (info === undefined) return newFile(path, await isDirectory(dirname(path)));
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
    const refusal = `it is a part of ${root.path}: name the whole drive`;
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

/** Pure: what lsblk and the kernel say, as drives with their refusals. */
export function drivesOf(nodes: readonly LsblkNode[], kernel: KernelView): Drive[] {
  const roots = nodes.map((node) => withKernelMounts(node, kernel));
  const system = new SystemDisks(roots);
  return roots.map((root) => toDrive(root, system.refusalOf(root), kernel));
}

/** Loop devices are images of this machine; who means one names it. Drives without a medium are card readers' empty slots. */
const isOffered = (drive: Drive): boolean =>
  drive.refusal === undefined && !drive.readOnly && drive.sizeBytes > 0 && drive.bus !== 'loop';

function withKernelMounts(node: LsblkNode, kernel: KernelView): LsblkNode {
  const mounts = kernel.mounts.filter((mount) => isMountOf(mount, node));
  const swap = kernel.swaps.some(
    (path) => path === node.path || mounts.some((mount) => isOn(path, mount, kernel.mounts)),
  );
  const points = [
    ...node.mountPoints,
    ...mounts.map((mount) => mount.mountPoint),
    ...(swap ? ['[SWAP]'] : []),
  ];
  const children = node.children.map((child) => withKernelMounts(child, kernel));
  return { ...node, mountPoints: [...new Set(points)], children };
}

const isMountOf = (mount: Mount, node: LsblkNode): boolean =>
  mount.deviceNumber === node.deviceNumber || mount.source === node.path;

/** A swap file: it is on the mount with the longest matching path. */
function isOn(path: string, mount: Mount, all: readonly Mount[]): boolean {
  const holding = all
    .filter(({ mountPoint }) => path.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`))
    .reduce((longest, next) => (next.mountPoint.length >= longest.length ? next.mountPoint : longest), '');
  return holding === mount.mountPoint;
}

function toDrive(root: LsblkNode, refusal: string | undefined, kernel: KernelView): Drive {
  const name = [root.vendor, root.model].filter((part) => part !== undefined).join(' ');
  return {
    kind: 'disk',
    path: root.path,
    sizeBytes: root.sizeBytes,
    model: name === '' ? undefined : name,
    bus: busOf(root),
    removable: isRemovable(root, kernel),
    readOnly: root.readOnly,
    volumes: flatten(root).map(toVolume),
    refusal,
    identity: [root.deviceNumber, root.serial, root.sizeBytes].join(' '),
  };
}

const toVolume = (node: LsblkNode): Volume => ({
  path: node.path,
  type: node.type,
  sizeBytes: node.sizeBytes,
  fsType: node.fsType,
  label: node.label,
  mountPoints: node.mountPoints.filter((place) => place !== '[SWAP]'),
});

function busOf(root: LsblkNode): string | undefined {
  if (root.transport !== undefined) return root.transport;
  if (root.type === 'loop') return 'loop';
  return root.kernelName.startsWith('mmcblk') ? 'mmc' : undefined;
}

/** lsblk's `hotplug` alone is true for every NVMe in a Thunderbolt-capable slot; its `rm` alone is false for cards in built-in readers. */
function isRemovable(root: LsblkNode, kernel: KernelView): boolean {
  const bus = busOf(root);
  if (bus === 'mmc') return !kernel.builtInMmc.has(root.kernelName);
  if (bus === 'nvme' || bus === 'loop') return false;
  return root.removable || (bus === 'usb' && root.hotplug);
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

function fileDrive(path: string, sizeBytes: number, identity: string): Drive {
  const facts = {
    model: undefined,
    bus: undefined,
    removable: false,
    readOnly: false,
    volumes: [],
    refusal: undefined,
  };
  return { kind: 'file', path, sizeBytes, identity, ...facts };
}

/** A typing error there must not become a file that fills the memory; /dev/shm is for files. */
const isAmongDevices = (path: string): boolean => path.startsWith('/dev/') && !path.startsWith('/dev/shm/');

function newFile(path: string, folderExists: boolean): Drive {
  if (isAmongDevices(path) || !folderExists) {
    throw new RdtError(`there is no drive or file ${path}`, {
      hint: 'rdt flash <image> without --drive lists the drives.',
    });
  }
  return fileDrive(path, 0, 'new');
}

const identityOf = (info: Stats): string => `${info.dev}:${info.ino}`;

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );

function missing(path: string, error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw new RdtError(`cannot look at ${path}`, { cause: error });
}
