import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { standingOf } from '../../../src/image/flash-drive-rules.js';
import { drivesOf, type KernelView } from '../../../src/image/drive/linux-drives.js';
import { parseLsblk } from '../../../src/image/drive/lsblk.js';
import { parseMountInfo, parseSwaps } from '../../../src/image/drive/mount-table.js';
import { isSystemPlace } from '../../../src/image/drive/system-disk.js';

const FOLDER = new URL('lsblk/', import.meta.url);
const NO_KERNEL: KernelView = { mounts: [], swaps: [], builtInMmc: new Set() };
const ANY_IMAGE = { sizeBytes: 1, place: undefined };

/** Beside what lsblk printed: where it comes from, and what the kernel of a recorded machine said at the same time. */
interface MachineFile {
  readonly origin: string;
  readonly mountinfo?: readonly string[];
  readonly swaps?: readonly string[];
  /** `mmcblk0 SD`, from /sys/block. */
  readonly mmc?: readonly string[];
}

const textOf = (machine: string): string => readFileSync(new URL(`${machine}.json`, FOLDER), 'utf8');

function kernelOf(machine: string): KernelView {
  const { mountinfo = [], swaps = [], mmc = [] } = JSON.parse(textOf(machine)) as MachineFile;
  const builtIn = mmc.filter((line) => line.endsWith(' MMC')).map((line) => line.split(' ')[0] ?? '');
  return {
    mounts: parseMountInfo(mountinfo.join('\n')),
    swaps: parseSwaps(swaps.join('\n')),
    builtInMmc: new Set(builtIn),
  };
}

const drivesIn = (machine: string, kernel = kernelOf(machine)) =>
  drivesOf(parseLsblk(textOf(machine)), kernel);

/** What may be written after a question, the name typed, or never. */
function standings(machine: string, kernel = kernelOf(machine)): Record<string, string> {
  return Object.fromEntries(
    drivesIn(machine, kernel).map((drive) => [drive.path, standingOf(drive, ANY_IMAGE).kind]),
  );
}

const NEVER = 'refused';
const ASK = 'needs-yes';
const NAME = 'needs-name';

/** A machine, and what is said of its drives. Each file says where it comes from: recorded, or put together in lsblk's form. */
const MACHINES: Record<string, Record<string, string>> = {
  'constructed/bcache-root': { '/dev/nvme0n1': NEVER, '/dev/sda': NEVER, '/dev/sdb': ASK },
  'constructed/btrfs-over-two-disks': { '/dev/sda': NEVER, '/dev/sdb': NEVER, '/dev/sdc': ASK },
  'constructed/docker-data-on-a-usb-drive': {
    '/dev/sda': NEVER,
    '/dev/sdb': NEVER,
    '/dev/sdc': ASK,
    '/dev/sdd': NEVER,
  },
  'constructed/emmc-boot-areas': {
    '/dev/mmcblk0': NEVER,
    '/dev/mmcblk0boot0': NEVER,
    '/dev/mmcblk0boot1': NEVER,
    '/dev/mmcblk0rpmb': NEVER,
    '/dev/mmcblk1': ASK,
  },
  'constructed/live-usb-stick': {
    '/dev/loop0': NEVER,
    '/dev/sda': NAME,
    '/dev/sdb': NEVER,
    '/dev/sdc': ASK,
    '/dev/sdd': NEVER,
    '/dev/sde': NEVER,
    '/dev/sr0': NEVER,
  },
  'constructed/luks-on-hotplug-nvme': { '/dev/nvme0n1': NEVER, '/dev/sda': ASK },
  'constructed/lvm-over-two-disks': {
    '/dev/sda': NEVER,
    '/dev/sdb': NEVER,
    '/dev/sdc': NEVER,
    '/dev/sdd': ASK,
  },
  'constructed/md-raid1': {
    '/dev/sda': NEVER,
    '/dev/sdb': NEVER,
    '/dev/sdc': NEVER,
    '/dev/md127': NEVER,
    '/dev/sdd': ASK,
  },
  'constructed/multipath-root': { '/dev/sda': NEVER, '/dev/sdb': NEVER, '/dev/sdc': ASK },
  'constructed/strings-of-util-linux-2.29': { '/dev/sda': NEVER, '/dev/sdb': ASK, '/dev/sr0': NEVER },
  'constructed/swap-on-a-usb-drive': { '/dev/sda': NEVER, '/dev/sdb': NEVER, '/dev/sdc': ASK },
  'recorded/emmc-with-boot-areas': {
    '/dev/sda': NAME,
    '/dev/mmcblk1': NEVER,
    '/dev/mmcblk1boot0': NEVER,
    '/dev/mmcblk1boot1': NEVER,
    '/dev/zram0': NEVER,
  },
  'recorded/luks-lvm-on-nvme': {
    '/dev/sda': NAME,
    '/dev/sdb': NAME,
    '/dev/sdc': NAME,
    '/dev/sdd': ASK,
    '/dev/sde': NEVER,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': ASK,
    '/dev/nvme0n1': NEVER,
    '/dev/zram0': NEVER,
  },
  'recorded/lvm-over-two-disks': {
    '/dev/sda': NEVER,
    '/dev/sdb': NEVER,
    '/dev/sdc': NEVER,
    '/dev/sdd': ASK,
    '/dev/sde': NEVER,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': ASK,
    '/dev/nvme0n1': NAME,
    '/dev/zram0': NEVER,
  },
  'recorded/md-raid1': {
    '/dev/sda': NEVER,
    '/dev/sdb': NEVER,
    '/dev/sdc': NAME,
    '/dev/sdd': ASK,
    '/dev/sde': NEVER,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': ASK,
    '/dev/nvme0n1': NAME,
    '/dev/zram0': NEVER,
  },
  'recorded/swap-on-a-usb-drive': {
    '/dev/sda': NAME,
    '/dev/sdb': NEVER,
    '/dev/sdc': NAME,
    '/dev/sdd': NEVER,
    '/dev/sde': NEVER,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': ASK,
    '/dev/nvme0n1': NAME,
    '/dev/zram0': NEVER,
  },
  'recorded/bcache-root': {
    '/dev/sda': NEVER,
    '/dev/sdb': NAME,
    '/dev/sdc': NAME,
    '/dev/sdd': ASK,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': ASK,
    '/dev/nvme0n1': NEVER,
    '/dev/zram0': NEVER,
  },
  'recorded/live-usb-stick': {
    '/dev/sda': NAME,
    '/dev/sdb': NAME,
    '/dev/sdc': NAME,
    '/dev/sdd': NEVER,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': ASK,
    '/dev/nvme0n1': NAME,
    '/dev/zram0': NEVER,
    '/dev/loop0': NEVER,
  },
  'recorded/multipath-root': {
    '/dev/sda': NAME,
    '/dev/sdb': NAME,
    '/dev/sdc': NAME,
    '/dev/sdd': ASK,
    '/dev/sdf': NEVER,
    '/dev/sdg': NEVER,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': ASK,
    '/dev/nvme0n1': NAME,
    '/dev/zram0': NEVER,
  },
  'recorded/overlayroot-on-sd-card': {
    '/dev/sda': NAME,
    '/dev/sdb': NAME,
    '/dev/sdc': NAME,
    '/dev/sdd': ASK,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': NEVER,
    '/dev/nvme0n1': NAME,
    '/dev/zram0': NEVER,
  },
  'recorded/sd-card-root-and-zram-swap': {
    '/dev/sda': NAME,
    '/dev/sdb': NAME,
    '/dev/sdc': NAME,
    '/dev/sdd': ASK,
    '/dev/sdf': NAME,
    '/dev/sdg': NAME,
    '/dev/sr0': NEVER,
    '/dev/mmcblk0': NEVER,
    '/dev/nvme0n1': NAME,
    '/dev/zram0': NEVER,
  },
  'recorded/virtual-machine': { '/dev/loop1': NEVER, '/dev/zram0': NEVER, '/dev/vda': NEVER },
  'constructed/zram-and-usb-root': {
    '/dev/sda': NEVER,
    '/dev/zram0': NEVER,
    '/dev/zram1': NEVER,
    '/dev/ram0': NEVER,
    '/dev/mmcblk0': ASK,
  },
};

/** A piece of the root's file system is often mounted once more. */
const boundElsewhere: KernelView = {
  ...NO_KERNEL,
  mounts: parseMountInfo(
    '20 1 8:1 /run/netns /run/netns rw - ext4 /dev/sda1 rw\n25 1 8:1 / / rw - ext4 /dev/sda1 rw',
  ),
};

describe('the drives of a machine', () => {
  it.each(Object.keys(MACHINES))('like %s are told apart from its system', (machine) => {
    expect(standings(machine)).toEqual(MACHINES[machine]);
  });

  it.each(Object.keys(MACHINES))('like %s come from somewhere', (machine) => {
    const { origin } = JSON.parse(textOf(machine)) as MachineFile;
    expect(origin).toMatch(machine.startsWith('constructed/') ? /^Constructed/ : /\w/);
  });

  it('are all in the table above', () => {
    const files = ['constructed', 'recorded'].flatMap((folder) =>
      readdirSync(new URL(folder, FOLDER)).map((file) => `${folder}/${file}`),
    );
    expect(files.sort()).toEqual(
      Object.keys(MACHINES)
        .map((machine) => `${machine}.json`)
        .sort(),
    );
  });

  it('say which part of the system they carry, through every layer', () => {
    const [nvme] = drivesIn('constructed/luks-on-hotplug-nvme');
    expect(nvme?.refusal).toBe('it carries the running system: /dev/nvme0n1p1 is mounted at /boot/efi');
    const [vda] = drivesIn('constructed/strings-of-util-linux-2.29', boundElsewhere);
    expect(vda?.refusal).toBe('it carries the running system: /dev/sda1 is mounted at /');
    const [, second] = drivesIn('constructed/md-raid1');
    expect(second?.refusal).toBe('it carries the running system: /dev/md0 is mounted at /');
  });
});

describe('what lsblk does not tell, the kernel tells', () => {
  const kernelWith = (mountInfo: string, swaps = ''): KernelView => ({
    ...NO_KERNEL,
    mounts: parseMountInfo(mountInfo),
    swaps: parseSwaps(`Filename Type Size Used Priority\n${swaps}`),
  });

  it('a second mount of the system that an old lsblk leaves out', () => {
    const kernel = kernelWith('30 1 8:17 / /usr rw,relatime shared:1 - ext4 /dev/sdb1 rw');
    expect(standings('constructed/strings-of-util-linux-2.29', kernel)['/dev/sdb']).toBe(NEVER);
  });

  it('a btrfs mount, whose device number is its own', () => {
    const kernel = kernelWith('30 1 0:45 /@ /opt rw - btrfs /dev/sdc rw');
    expect(standings('constructed/btrfs-over-two-disks', kernel)['/dev/sdc']).toBe(NEVER);
  });

  it('a swap file on a card that is mounted where people mount cards', () => {
    const mounts =
      '25 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 25 8:32 / /media/me/my\\040card rw - ext4 /dev/sdc rw';
    const kernel = kernelWith(mounts, '/media/me/my\\040card/swapfile file 1024 0 -2');
    expect(standings('constructed/swap-on-a-usb-drive', kernel)['/dev/sdc']).toBe(NEVER);
  });

  it('the card below an overlay that is the root', () => {
    const kernel = kernelWith(
      '25 1 0:30 / / rw - overlay overlayroot rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/up,workdir=/media/root-rw/work\n' +
        '26 25 179:1 / /media/root-ro ro - ext4 /dev/mmcblk0p1 ro',
    );
    expect(standings('constructed/zram-and-usb-root', kernel)['/dev/mmcblk0']).toBe(NEVER);
  });

  it('an eMMC chip that holds no system is not a card', () => {
    const kernel = { ...NO_KERNEL, builtInMmc: new Set(['mmcblk0']) };
    expect(standings('constructed/zram-and-usb-root', kernel)['/dev/mmcblk0']).toBe(NAME);
  });
});

describe('places of the system', () => {
  it.each([
    '/',
    '/boot',
    '/boot/efi',
    '/usr',
    '/usr/local',
    '/home',
    '/var',
    '/var/lib/docker',
    '/nix/store',
    '/run/live/medium',
    '/run/cowroot/root',
    '/tmp',
  ])('%s is one', (place) => expect(isSystemPlace(place)).toBe(true));

  it.each([
    '/media/me/card',
    '/run/media/me/card',
    '/mnt',
    '/mnt/card',
    '/home/me/card',
    '/tmp/card',
    '/var/tmp/card',
    '/bootstrap',
    '/usrlocal',
  ])('%s is none', (place) => expect(isSystemPlace(place)).toBe(false));
});
