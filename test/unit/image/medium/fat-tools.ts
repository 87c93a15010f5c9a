import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A scratch folder for the programs of Debian's `dosfstools` and `mtools`: judges that know nothing of our own FAT code. */
export class FatTools {
  #judged = Buffer.alloc(0);
  #folder: string | undefined;

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  path(name: string): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'rdt-fat-'));
    return join(this.#folder, name);
  }

  /** A fresh volume as `mkfs.vfat` makes it, with `files` in it. Directories are made as needed. */
  make(options: VolumeOptions, files: Readonly<Record<string, string | Buffer>> = {}): Buffer {
    const image = this.path('volume.img');
    writeFileSync(image, Buffer.alloc(options.sizeBytes));
    const flags = ['-F', `${options.type}`, '-n', options.label ?? 'resin-boot', '-i', '12345678'];
    if (options.sectorsPerCluster !== undefined) flags.push('-s', `${options.sectorsPerCluster}`);
    if (options.rootEntries !== undefined) flags.push('-r', `${options.rootEntries}`);
    if (options.sectorBytes !== undefined) flags.push('-S', `${options.sectorBytes}`);
    execFileSync('mkfs.vfat', [...flags, image], { stdio: 'pipe' });
    for (const [path, content] of Object.entries(files)) this.#put(image, path, content);
    return readFileSync(image);
  }

  #put(image: string, path: string, content: string | Buffer): void {
    const folder = path.slice(0, path.lastIndexOf('/'));
    if (folder !== '' && spawnSync('mdir', ['-i', image, `::${folder}`]).status !== 0) {
      execFileSync('mmd', ['-i', image, `::${folder}`]);
    }
    execFileSync('mcopy', ['-o', '-i', image, '-', `::${path}`], { input: content, env: utf8 });
  }

  /** Content of a file as mtools reads it, undefined when it is missing. */
  type(volume: Buffer, path: string): Buffer | undefined {
    const image = this.#store(volume);
    const { status, stdout } = spawnSync('mtype', ['-i', image, `::${path}`], { env: utf8 });
    return status === 0 ? stdout : undefined;
  }

  /** All files by path, as mtools copies them out. */
  extract(volume: Buffer): Map<string, Buffer> {
    return this.#extractFrom(this.#store(volume));
  }

  /** As `extract`, after `fsck.vfat -a`. */
  extractRepaired(volume: Buffer): Map<string, Buffer> {
    const image = this.path('repaired.img');
    copyFileSync(this.#store(volume), image);
    spawnSync('fsck.vfat', ['-a', '-w', image], { env: utf8 });
    return this.#extractFrom(image);
  }

  #extractFrom(image: string): Map<string, Buffer> {
    const folder = mkdtempSync(this.path('files-'));
    execFileSync('mcopy', ['-s', '-n', '-i', image, '::/*', folder], {
      env: utf8,
      stdio: 'pipe',
    });
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    );
    const found = files.map((file): [string, Buffer] => {
      const path = join(file.parentPath, file.name);
      return [path.slice(folder.length), readFileSync(path)];
    });
    rmSync(folder, { recursive: true });
    return new Map(found);
  }

  names(volume: Buffer, path = '/'): string[] {
    const { stdout } = spawnSync('mdir', ['-b', '-i', this.#store(volume), `::${path}`], { env: utf8 });
    return stdout
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/^::\//, ''));
  }

  /** What `fsck.vfat -n` says, and whether it finds the volume clean. */
  check(volume: Buffer): { isClean: boolean; report: string } {
    const { status, stdout } = spawnSync('fsck.vfat', ['-n', this.#store(volume)], { env: utf8 });
    return { isClean: status === 0, report: stdout.toString() };
  }

  /** Writes only what differs from the volume that was judged before. */
  #store(volume: Buffer): string {
    const image = this.path('judged.img');
    const file = openSync(image, this.#judged.length === 0 ? 'w' : 'r+');
    if (this.#judged.length !== volume.length) this.#judged = Buffer.alloc(volume.length, 0xaa);
    for (let at = 0; at < volume.length; at += CHUNK) {
      const end = Math.min(at + CHUNK, volume.length);
      if (this.#judged.compare(volume, at, end, at, end) === 0) continue;
      writeSync(file, volume, at, end - at, at);
      volume.copy(this.#judged, at, at, end);
    }
    ftruncateSync(file, volume.length);
    closeSync(file);
    return image;
  }
}

const CHUNK = 1 << 16;

const utf8 = { ...process.env, LC_ALL: 'C.UTF-8', MTOOLS_SKIP_CHECK: '1' };

export interface VolumeOptions {
  readonly type: 12 | 16 | 32;
  readonly sizeBytes: number;
  readonly label?: string;
  readonly sectorsPerCluster?: number;
  readonly rootEntries?: number;
  readonly sectorBytes?: number;
}

/** The smallest volumes of each kind that the tools accept. */
export const VOLUMES = {
  fat12: { type: 12, sizeBytes: 1 << 20, sectorsPerCluster: 1 },
  fat16: { type: 16, sizeBytes: 4 << 20, sectorsPerCluster: 1 },
  fat32: { type: 32, sizeBytes: 34 << 20, sectorsPerCluster: 1 },
} as const satisfies Record<string, VolumeOptions>;
