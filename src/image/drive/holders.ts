import type { Stats } from 'node:fs';
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
    if (await hasOpen(pid, (info) => info.isBlockDevice() && devices.has(deviceNumberOf(info.rdev))))
      return nameOf(pid);
    const mount = await mountIn(pid, devices);
    return mount === undefined ? undefined : `${await nameOf(pid)}, which has it mounted at ${mount}`;
  });
  return [...built.flat(), ...processes];
}

/** Processes that have one of the devices open for writing: an exclusive open does not keep those away that came before. */
export async function writersOfDevices(devices: ReadonlySet<string>): Promise<Holder[]> {
  return forEachProcess(async (pid) => {
    const isMeant = (info: FileInfo): boolean =>
      info.isBlockDevice() && devices.has(deviceNumberOf(info.rdev));
    return (await hasOpen(pid, isMeant, isForWriting)) ? nameOf(pid) : undefined;
  });
}

/** Processes that have a file of the mounted file system open, or work in it. */
export async function holdersOfMount(mountPoint: string): Promise<Holder[]> {
  const { dev } = await stat(mountPoint);
  return forEachProcess(async (pid) => {
    const busy = (await isIn(pid, dev)) || (await hasOpen(pid, (info) => info.dev === dev));
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

type FileInfo = Stats;

async function hasOpen(
  pid: number,
  isMeant: (info: FileInfo) => boolean,
  counts: (pid: number, fd: string) => Promise<boolean> = () => Promise.resolve(true),
): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder)) {
    const info = await stat(`${folder}/${fd}`).catch(() => undefined);
    if (info !== undefined && isMeant(info) && (await counts(pid, fd))) return true;
  }
  return false;
}

/** `flags` is octal; its last two bits are O_RDONLY, O_WRONLY or O_RDWR. */
async function isForWriting(pid: number, fd: string): Promise<boolean> {
  const flags = /^flags:\s*([0-7]+)$/m.exec(await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
  return flags !== undefined && (parseInt(flags, 8) & 3) !== 0;
}

async function isIn(pid: number, dev: number): Promise<boolean> {
  for (const link of ['cwd', 'root', 'exe']) {
    const info = await stat(`/proc/${pid}/${link}`).catch(() => undefined);
    if (info?.dev === dev) return true;
  }
  return false;
}

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
