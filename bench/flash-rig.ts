import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MIB = 1024 * 1024;
/** Between an image and a full one: room for what no image has. */
const DRIVE_BYTES = 700 * MIB;
const SAMPLE_MS = 20;
const CACHE = fileURLToPath(new URL('../.cache/etcher-sdk', import.meta.url));
const THROTTLE_CGROUP = '/sys/fs/cgroup/blkio/rdt-bench';

const run = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 30,
  }).trim();

/** A 572 MiB image like resinOS's, in memory and in every packing, and a loop device to write it to. */
export class FlashBench implements Disposable {
  readonly folder = mkdtempSync('/dev/shm/rdt-bench-');
  readonly image = join(this.folder, 'os.img');
  readonly drive: string;

  constructor() {
    this.makeImage();
    const backing = join(this.folder, 'disk');
    run('truncate', '-s', String(DRIVE_BYTES), backing);
    this.drive = run('losetup', '--show', '--find', backing);
  }

  /** Free space is a hole in `os.img`, zeros in `full.img`. */
  get full(): string {
    return this.packed('full.img', () =>
      run('cp', '--sparse=never', this.image, join(this.folder, 'full.img')),
    );
  }

  /** Nothing in it can be left out. */
  get noise(): string {
    return this.packed('noise.img', () => this.makeNoise(join(this.folder, 'noise.img')));
  }

  packed(name: string, make: () => void): string {
    const path = join(this.folder, name);
    if (!existsSync(path)) make();
    return path;
  }

  pack(extension: string, ...command: readonly string[]): string {
    const path = join(this.folder, `os.img.${extension}`);
    if (!existsSync(path))
      run('sh', '-c', '"$@" < "$0" > "$1"'.replace('"$@"', command.join(' ')), this.image, path);
    return path;
  }

  [Symbol.dispose](): void {
    spawnSync('losetup', ['--detach', this.drive]);
    spawnSync('rmdir', [THROTTLE_CGROUP]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private makeImage(): void {
    run('truncate', '-s', '572M', this.image);
    const table =
      'label: dos\n4MiB,40MiB,c,*\n44MiB,180MiB,83\n224MiB,180MiB,83\n404MiB,,f\n406MiB,20MiB,83\n428MiB,143MiB,83\n';
    execFileSync('sfdisk', ['--quiet', this.image], { input: table });
    const root = join(this.folder, 'root');
    mkdirSync(root);
    this.fillWithPrograms(root, 140 * MIB);
    this.place(4, 'mkfs.vfat', '-C', '-n', 'resin-boot', 'PATH', String(40 * 1024));
    this.place(44, 'mke2fs', '-q', '-t', 'ext4', '-d', root, 'PATH', '180M');
    this.place(224, 'mke2fs', '-q', '-t', 'ext4', 'PATH', '180M');
    this.place(406, 'mke2fs', '-q', '-t', 'ext4', 'PATH', '20M');
    this.place(428, 'mke2fs', '-q', '-t', 'ext4', 'PATH', '143M');
    rmSync(root, { recursive: true });
  }

  private place(atMib: number, command: string, ...args: readonly string[]): void {
    const path = join(this.folder, 'volume');
    run(command, ...args.map((arg) => (arg === 'PATH' ? path : arg)));
    run('dd', `if=${path}`, `of=${this.image}`, 'bs=1M', `seek=${atMib}`, 'conv=notrunc,sparse');
    rmSync(path);
  }

  /** Packs like a real root file system: it is one. */
  private fillWithPrograms(folder: string, bytes: number): void {
    let left = bytes;
    for (const name of readdirSync('/usr/bin')) {
      const info = statSync(join('/usr/bin', name), { throwIfNoEntry: false });
      if (info?.isFile() !== true || info.size > left || info.size > 8 * MIB) continue;
      run('cp', join('/usr/bin', name), join(folder, name));
      left -= info.size;
    }
  }

  private makeNoise(path: string): void {
    run('sh', '-c', 'head -c 599785472 /dev/urandom > "$0"', path);
    execFileSync('sfdisk', ['--quiet', path], { input: 'label: dos\n4MiB,,83\n' });
  }
}

/** Installs etcher-sdk where it is no dependency of ours; undefined where the registry cannot be reached. */
export function installEtcher(): string | undefined {
  if (existsSync(join(CACHE, 'node_modules/etcher-sdk'))) return CACHE;
  mkdirSync(CACHE, { recursive: true });
  // Its own unbzip2-stream comes from GitHub.
  const manifest = {
    private: true,
    overrides: { 'unbzip2-stream': '1.4.3' },
    dependencies: { 'etcher-sdk': '10.2.15' },
  };
  writeFileSync(join(CACHE, 'package.json'), JSON.stringify(manifest));
  const installed =
    spawnSync('npm', ['install', '--silent', '--no-audit', '--no-fund'], { cwd: CACHE }).status === 0;
  return installed ? CACHE : undefined;
}

/** A shell line that runs `command` with its writes to `drive` held to so many bytes a second; undefined without cgroups v1. */
export function throttled(command: string, drive: string, bytesPerSecond: number): string | undefined {
  if (!existsSync('/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device')) return undefined;
  mkdirSync(THROTTLE_CGROUP, { recursive: true });
  const number = run('lsblk', '--nodeps', '--noheadings', '--output', 'MAJ:MIN', drive);
  writeFileSync(join(THROTTLE_CGROUP, 'blkio.throttle.write_bps_device'), `${number} ${bytesPerSecond}`);
  return `echo $$ > ${THROTTLE_CGROUP}/cgroup.procs; ${command}`;
}

/** Milliseconds of a shell line, whole processes. Throws when it fails. */
export function timed(line: string): number {
  const { ms, failure } = attempted(line);
  if (failure !== undefined) throw new Error(`${line}\n${failure}`);
  return ms;
}

/** As `timed`, for what may fail in the end: it took its time all the same. */
export function attempted(line: string): { readonly ms: number; readonly failure: string | undefined } {
  const startMs = performance.now();
  const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', line], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { ms: performance.now() - startMs, failure: status === 0 ? undefined : stderr.trim() };
}

/** The most memory that a command and all its children had at once, each shared page counted by its share. */
export async function peakBytes(line: string): Promise<number> {
  const child = spawn('bash', ['-c', `exec ${line}`], { stdio: 'ignore', detached: true });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${line} did not start`);
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, groupBytes(pid))), SAMPLE_MS);
  const [code] = (await once(child, 'close')) as [number];
  clearInterval(timer);
  if (code !== 0) throw new Error(`${line} ended with ${code}`);
  return peak;
}

function groupBytes(group: number): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .reduce((sum, pid) => sum + bytesOf(pid, group), 0);
}

function bytesOf(pid: string, group: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(processGroup) !== group) return 0;
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}
