import { flatten, type LsblkNode } from './lsblk.js';

/** Mounted there, a file system belongs to the running system, with everything below for those that end in a slash. */
const SYSTEM_PLACES = [
  '/',
  '/bin/',
  '/boot/',
  '/cdrom/',
  '/efi/',
  '/etc/',
  '/gnu/',
  '/home',
  '/lib/',
  '/nix/',
  '/opt',
  '/ostree/',
  '/root',
  '/sbin/',
  '/snap/',
  '/srv',
  '/sysroot/',
  '/tmp',
  '/usr/',
  '/var/',
  '/run/',
] as const;
/** Below a system's place, but for people's own mounts. */
const USER_PLACES = [
  '/var/tmp/',
  '/run/media/',
  '/var/run/media/',
  '/run/user/',
  '/var/mnt/',
  '/var/home/',
] as const;

/** One volume over several drives: what holds for one of its members holds for all with the same UUID. */
const SHARED_FS_TYPES: ReadonlySet<string> = new Set([
  'btrfs',
  'linux_raid_member',
  'zfs_member',
  'bcachefs',
  'bcache',
]);
/** What an area of a chip, or memory, is called although lsblk calls it a disk. */
const NO_DRIVES: readonly { readonly name: RegExp; readonly what: string }[] = [
  { name: /^zram\d+$/, what: 'it is compressed memory, not a drive' },
  { name: /^ram\d+$/, what: 'it is a piece of memory, not a drive' },
  {
    name: /^mmcblk\d+(boot\d+|rpmb|gp\d+)$/,
    what: 'it is the boot or security area of a built-in eMMC chip',
  },
  { name: /^(md|dm-|bcache|drbd)\d/, what: 'it is a volume that is put together from other drives' },
];

/** Says of each whole drive why it must never be written, or undefined. */
export class SystemDisks {
  private readonly systemNodes = new Map<string, string>();
  private readonly systemSharedUuids = new Set<string>();
  private readonly systemUsesLvm: boolean;

  /** `roots` is all that lsblk lists, with mount points completed from the kernel's own table. */
  constructor(roots: readonly LsblkNode[]) {
    for (const root of roots) this.markSystem(root);
    const systemRoots = roots.filter((root) => this.directUse(root) !== undefined);
    for (const { uuid, fsType } of systemRoots.flatMap(flatten)) {
      if (uuid !== undefined && SHARED_FS_TYPES.has(fsType ?? '')) this.systemSharedUuids.add(uuid);
    }
    this.systemUsesLvm = systemRoots.flatMap(flatten).some((node) => node.type === 'lvm');
  }

  refusalOf(root: LsblkNode): string | undefined {
    const direct = this.directUse(root);
    if (direct !== undefined) return `it carries the running system: ${direct}`;
    return this.sharedUse(root) ?? kindRefusal(root);
  }

  /** Marks a node, and so what it is built on, as carrying a part of the system. Returns which. */
  private markSystem(node: LsblkNode): string | undefined {
    const own = systemUse(node);
    const uses = [
      own === undefined ? undefined : `${node.path} is ${own}`,
      ...node.children.map((child) => this.markSystem(child)),
    ];
    const use = uses.find((candidate) => candidate !== undefined);
    if (use !== undefined) this.systemNodes.set(node.kernelName, use);
    return use;
  }

  /** A volume over several drives is listed below each of them, though perhaps only once with its mount points and partitions. */
  private directUse(root: LsblkNode): string | undefined {
    return flatten(root)
      .map((node) => this.systemNodes.get(node.kernelName))
      .find((use) => use !== undefined);
  }

  private sharedUse(root: LsblkNode): string | undefined {
    for (const node of flatten(root)) {
      if (node.uuid !== undefined && this.systemSharedUuids.has(node.uuid)) {
        return `${node.path} is a part of a ${node.fsType ?? ''} volume of the running system`;
      }
      if (node.fsType === 'LVM2_member' && this.systemUsesLvm && !this.isForeignCard(root)) {
        return `${node.path} is an LVM volume, as the running system's are`;
      }
    }
    return undefined;
  }

  /** Nothing of it is active. A card that once was a disk of another machine may be flashed. */
  private isForeignCard(root: LsblkNode): boolean {
    return (
      root.transport === 'usb' && flatten(root).every((node) => node.type === 'disk' || node.type === 'part')
    );
  }
}

function systemUse(node: LsblkNode): string | undefined {
  if (node.mountPoints.includes('[SWAP]')) return 'used as swap';
  const places = node.mountPoints.filter(isSystemPlace);
  const place = places.find((mountPoint) => mountPoint === '/') ?? places[0];
  return place === undefined ? undefined : `mounted at ${place}`;
}

/** True for the places that a running system is made of; false for those where people mount cards. */
export function isSystemPlace(mountPoint: string): boolean {
  if (USER_PLACES.some((place) => mountPoint.startsWith(place))) return false;
  return SYSTEM_PLACES.some((place) =>
    place !== '/' && place.endsWith('/')
      ? mountPoint.startsWith(place) || `${mountPoint}/` === place
      : mountPoint === place,
  );
}

function kindRefusal(root: LsblkNode): string | undefined {
  const special = NO_DRIVES.find(({ name }) => name.test(root.kernelName));
  if (special !== undefined) return special.what;
  if (root.type === 'rom') return 'it is an optical drive';
  if (root.type === 'disk' || root.type === 'loop') return undefined;
  return `it is a volume of type ${root.type}, not a drive`;
}
