import { existsSync } from 'node:fs';

/** The program that has to be there, and the Debian package that brings it. */
const PROGRAMS = {
  dockerd: 'docker.io',
  // In docker.io before Debian 13, and recommended by it since.
  docker: 'docker-cli',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  'avahi-daemon': 'avahi-daemon',
  ip: 'iproute2',
  iptables: 'iptables',
  busybox: 'busybox-static',
  cc: 'gcc libc6-dev',
  'mkfs.ext4': 'e2fsprogs',
  sysctl: 'procps',
} as const;

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** One line that says why this host cannot have a virtual device; undefined when it can. */
export function missingForDevices(): string | undefined {
  if (process.platform !== 'linux') return `A virtual device needs Linux; this is ${process.platform}.`;
  if (process.getuid?.() !== 0) return 'A virtual device needs root: run this with sudo.';
  if (!existsSync('/dev/net/tun'))
    return 'A virtual device needs /dev/net/tun, which this machine does not have.';
  const packages = missingPackages(isInstalled);
  if (packages.length === 0) return undefined;
  return `A virtual device needs programs that are not here; install them with: apt-get install ${packages.join(' ')}`;
}

/** The packages that bring what is missing, for an `apt-get install` that takes along what they recommend. */
export function missingPackages(isHere: (program: string) => boolean): string[] {
  const missing: string[] = Object.entries(PROGRAMS)
    .filter(([program]) => !isHere(program))
    .map(([, packageName]) => packageName);
  return missing.includes('docker.io') ? missing.filter((name) => name !== 'docker-cli') : missing;
}

function isInstalled(program: string): boolean {
  return FOLDERS.some((folder) => existsSync(`${folder}/${program}`));
}
