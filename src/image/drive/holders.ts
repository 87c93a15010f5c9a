import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { deviceNumberOf } from './device-number.js';
import { parseMountInfo } from './mount-table.js';

/** Who keeps a device or a mounted file system busy, in words: `dd (pid 1234)`. */
export type Holder = string;

/** The devices that a drive consists of: itself, its partitions, as device numbers. */
export async function devicesOfDisk(deviceNumber: string): Promise<Set<string>> {
  const folder = `/sys/dev/block/${deviceNumber}`;
  const names = await readdir(folder).catch(() => []);
  const numbers = await Promise.all(
    names.map((name) => readFile(`${folder}/${name}/dev`, 'utf8').catch(() => '')),
  );
  return new Set([deviceNumber, ...numbers.map((number) => number.trim()).filter((number) => number !== '')]);
}

/** Processes that have one of the devices open, mounts of it in any namespace, and what the kernel built on top of it. */
export async function holdersOfDevices(devices: ReadonlySet<string>): Promise<Holder[]> {
  const built = await Promise.all([...devices].map(kernelHolders));
  const processes = await forEachProcess(async (pid) => {
    if (hasOpen(pid, (info) => info.isBlockDevice() && devices.has(deviceNumberOf(info.rdev))))
      return nameOf(pid);
    const mount = await mountIn(pid, devices);
    return mount === undefined ? undefined : `${await nameOf(pid)}, which has it mounted at ${mount}`;
  });
  return [...built.flat(), ...processes];
}

/** Processes that have one of the devices open for writing: an exclusive open does not keep those away that came before. */
export async function writersOfDevices(devices: ReadonlySet<string>): Promise<Holder[]> {
  return forEachProcess(async (pid) => {
    const isMeant = (info: Stats): boolean => info.isBlockDevice() && devices.has(deviceNumberOf(info.rdev));
    return hasOpen(pid, isMeant, isForWriting) ? nameOf(pid) : undefined;
  });
}

/** Processes that have a file of the mounted file system open, or work in it. */
export async function holdersOfMount(mountPoint: string): Promise<Holder[]> {
  const { dev } = await stat(mountPoint);
  return forEachProcess(async (pid) => {
    const busy = isIn(pid, dev) || hasOpen(pid, (info) => info.dev === dev);
    return busy ? nameOf(pid) : undefined;
  });
}

/** Device-mapper volumes and RAID arrays. */
async function kernelHolders(deviceNumber: string): Promise<Holder[]> {
  const folder = `/sys/dev/block/${deviceNumber}/holders`;
  const names = await readdir(folder).catch(() => []);
  return Promise.all(
    names.map(async (name) => {
      const label = await readFile(`${folder}/${name}/dm/name`, 'utf8').catch(() => '');
      return label === '' ? `/dev/${name}` : `/dev/mapper/${label.trim()}`;
    }),
  );
}

/** Processes come and go, and those of other users are closed to us: what cannot be read holds nothing that we could name. */
async function forEachProcess(examine: (pid: number) => Promise<Holder | undefined>): Promise<Holder[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: Holder[] = [];
  for (const pid of pids) {
    const holder = pid === process.pid ? undefined : await examine(pid).catch(() => undefined);
    if (holder !== undefined) found.push(holder);
  }
  return found;
}

/**
 * Synchronous: a machine has thousands of open files, and as promises they take 100 ms, thus 15. Sockets and pipes are told by
 * their names, which are no paths.
 */
function hasOpen(
  pid: number,
  isMeant: (info: Stats) => boolean,
  counts: (pid: number, fd: string) => boolean = () => true,
): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    const info = statOpenFile(`${folder}/${fd}`);
    return info !== undefined && isMeant(info) && counts(pid, fd);
  });
}

function statOpenFile(link: string): Stats | undefined {
  try {
    const path = readlinkSync(link);
    return path.startsWith('/') && path !== '/dev/null' ? statSync(link) : undefined;
  } catch {
    return undefined;
  }
}

/** `flags` is octal; its last two bits are O_RDONLY, O_WRONLY or O_RDWR. */
function isForWriting(pid: number, fd: string): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
  return flags !== undefined && (parseInt(flags, 8) & 3) !== 0;
}

const isIn = (pid: number, dev: number): boolean =>
  ['cwd', 'root', 'exe'].some(
    (link) => statSync(`/proc/${pid}/${link}`, { throwIfNoEntry: false })?.dev === dev,
  );

/** Only other mount namespaces are of interest: what is mounted in ours was unmounted. */
async function mountIn(pid: number, devices: ReadonlySet<string>): Promise<string | undefined> {
  const [own, theirs] = await Promise.all([readlink('/proc/self/ns/mnt'), readlink(`/proc/${pid}/ns/mnt`)]);
  if (own === theirs) return undefined;
  const mounts = parseMountInfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
  return mounts.find((mount) => devices.has(mount.deviceNumber))?.mountPoint;
}

async function nameOf(pid: number): Promise<Holder> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  return `${name.trim()} (pid ${pid})`;
}
