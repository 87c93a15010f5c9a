import type { Drive, Volume } from '../flash-drive.js';
import { flatten, type LsblkNode } from './lsblk.js';
import type { Mount } from './mount-table.js';
import { SystemDisks } from './system-disk.js';

/** What the kernel says beside lsblk. */
export interface KernelView {
  readonly mounts: readonly Mount[];
  readonly swaps: readonly string[];
  /** Kernel names of MMC devices that are soldered in (eMMC), as opposed to cards. */
  readonly builtInMmc: ReadonlySet<string>;
}

/** Pure: what lsblk and the kernel say, as drives with their refusals. */
export function drivesOf(nodes: readonly LsblkNode[], kernel: KernelView): Drive[] {
  const roots = nodes.map((node) => withKernelMounts(node, kernel));
  const system = new SystemDisks(roots);
  return roots.map((root) => toDrive(root, system.refusalOf(root), kernel));
}

/** Loop devices are images of this machine; who means one names it. Drives without a medium are card readers' empty slots. */
export const isOffered = (drive: Drive): boolean =>
  drive.refusal === undefined && !drive.readOnly && drive.sizeBytes > 0 && drive.bus !== 'loop';

function withKernelMounts(node: LsblkNode, kernel: KernelView): LsblkNode {
  const mounts = kernel.mounts.filter((mount) => isMountOf(mount, node));
  const swap = kernel.swaps.some(
    (path) => path === node.path || mounts.some((mount) => isOn(path, mount, kernel.mounts)),
  );
  const points = [
    ...node.mountPoints,
    ...mounts.map((mount) => mount.mountPoint),
    ...overlaysOf(mounts, kernel.mounts),
    ...(swap ? ['[SWAP]'] : []),
  ];
  const children = node.children.map((child) => withKernelMounts(child, kernel));
  return { ...node, mountPoints: [...new Set(points)], children };
}

const isMountOf = (mount: Mount, node: LsblkNode): boolean =>
  mount.deviceNumber === node.deviceNumber || mount.source === node.path;

/** Where the overlays are mounted that have a layer on one of the mounts: the root of a live system, or of a card that is kept read-only. */
function overlaysOf(mounts: readonly Mount[], all: readonly Mount[]): string[] {
  return all
    .filter(({ layers }) => layers.some((path) => mounts.some((mount) => isOn(path, mount, all))))
    .map(({ mountPoint }) => mountPoint);
}

/** A swap file, or a layer of an overlay: it is on the mount with the longest matching path. */
function isOn(path: string, mount: Mount, all: readonly Mount[]): boolean {
  const holding = all
    .filter(({ mountPoint }) => `${path}/`.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`))
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
