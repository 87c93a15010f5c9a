import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { makeImage, MIB } from '../unit/image-flash/test-image.js';
import { FlashRig, type LoopDrive } from './flash-rig.js';

/** A partition of noise, with zeros from 8 to 16 MiB, that ends in the middle of a page. */
export const IMAGE = makeImage(24 * MIB + 512, 8 * MIB, 16 * MIB);
export const DRIVE_BYTES = 32 * MIB;
/** What a drive is filled with before it is written. */
export const OLD = 0xee;
/** Loop devices are not removable: who means one has to insist. */
export const INSIST = ['--yes', '--force'];

const pack = (command: string, ...args: readonly string[]): Buffer =>
  execFileSync(command, args, { input: IMAGE, maxBuffer: 1 << 30 });

export const FORMATS: Readonly<Record<string, (path: string, raw: string) => void>> = {
  'os.img': (path) => writeFileSync(path, IMAGE),
  'os.img.gz': (path) => writeFileSync(path, pack('gzip', '-1')),
  'members.gz': (path) =>
    writeFileSync(path, Buffer.concat([gzipSync(IMAGE.subarray(0, 5e6)), gzipSync(IMAGE.subarray(5e6))])),
  'os.img.xz': (path) => writeFileSync(path, pack('xz', '-0', '-T2', '--block-size=4MiB')),
  'os.img.bz2': (path) => writeFileSync(path, pack('bzip2', '-1')),
  'os.img.zst': (path) => writeFileSync(path, pack('zstd', '-q')),
  'os.zip': (path, raw) => void execFileSync('zip', ['-q', '-1', '-j', path, raw]),
};

/** An image in every format, and a drive to write it to. */
export class FlashFixture implements Disposable {
  readonly rig = new FlashRig();
  readonly drive: LoopDrive = this.rig.drive('disk', DRIVE_BYTES);

  get raw(): string {
    return this.packed('os.img');
  }

  /** Packed when it is first wanted. */
  packed(name: string): string {
    const path = this.rig.path(name);
    if (!existsSync(path)) FORMATS[name]?.(path, this.rig.path('os.img'));
    return path;
  }

  [Symbol.dispose](): void {
    this.rig[Symbol.dispose]();
  }
}

export const holdsImage = (drive: LoopDrive): boolean => drive.read(0, IMAGE.length).equals(IMAGE);
export const isUntouched = (drive: LoopDrive): boolean =>
  drive.read(0, DRIVE_BYTES).every((byte) => byte === OLD);
export const cannotBoot = (drive: LoopDrive): boolean => drive.read(0, MIB).every((byte) => byte === 0);
