// What a virtual device needs of Debian. Plain JavaScript, as prepare.mjs is.

/** Debian package -> a file of it that shows it is installed. */
const DEBIAN_PACKAGES = {
  'docker.io': '/usr/sbin/dockerd',
  'docker-cli': '/usr/bin/docker',
  'openssh-server': '/usr/sbin/sshd',
  'openssh-client': '/usr/bin/ssh',
  'avahi-daemon': '/usr/sbin/avahi-daemon',
  rsync: '/usr/bin/rsync',
  'busybox-static': '/bin/busybox',
  iproute2: '/usr/sbin/ip',
  iptables: '/usr/sbin/iptables',
  gcc: '/usr/bin/gcc',
  'libc6-dev': '/usr/include/stdio.h',
  tmux: '/usr/bin/tmux',
  procps: '/usr/bin/ps',
  mtools: '/usr/bin/mtools',
  dosfstools: '/usr/sbin/fsck.vfat',
  fdisk: '/usr/sbin/sfdisk',
  e2fsprogs: '/usr/sbin/mke2fs',
  'xz-utils': '/usr/bin/xz',
  zstd: '/usr/bin/zstd',
  bzip2: '/usr/bin/bzip2',
  zip: '/usr/bin/zip',
  'bmap-tools': '/usr/bin/bmaptool',
  'python3-gi': '/usr/lib/python3/dist-packages/gi/__init__.py',
  // Its library lies in a folder named for the architecture.
  'gir1.2-nm-1.0': '/usr/share/doc/gir1.2-nm-1.0/copyright',
  openssl: '/usr/bin/openssl',
  'inotify-tools': '/usr/bin/inotifywait',
  'dropbear-bin': '/usr/sbin/dropbear',
  systemd: '/lib/systemd/systemd-journald',
};

/** From Debian 13 on it is a package of its own, which docker.io only recommends; before, docker.io brings its file. */
const NEWER = new Set(['docker-cli']);

/** The packages of which the file is not here. */
export const missingPackages = (exists) =>
  Object.entries(DEBIAN_PACKAGES)
    .filter(([, file]) => !exists(file))
    .map(([name]) => name);

/** Those of `missing` that this Debian has; what every Debian has is not asked for, so that apt tells of it when it is not to be had. */
export const offeredOf = (missing, isOffered) =>
  missing.filter((name) => !NEWER.has(name) || isOffered(name));
