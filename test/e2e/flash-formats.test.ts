import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeImage, MIB, noise } from '../unit/image-flash/test-image.js';
import {
  cannotBoot,
  DRIVE_BYTES,
  FlashFixture,
  INSIST,
  FORMATS,
  holdsImage,
  IMAGE,
  isUntouched,
  OLD,
} from './flash-fixture.js';
import { type FlashRig, type LoopDrive, rdtFlash, RunningFlash } from './flash-rig.js';

let fixture: FlashFixture;
let rig: FlashRig;
let drive: LoopDrive;
let raw: string;

beforeAll(() => {
  fixture = new FlashFixture();
  rig = fixture.rig;
  drive = fixture.drive;
  raw = fixture.raw;
});
afterAll(() => fixture[Symbol.dispose]());

const packed = (name: string): string => fixture.packed(name);

describe('an image of every format', () => {
  it.each(Object.keys(FORMATS))(
    '%s arrives byte for byte, and nothing behind it is touched',
    async (name) => {
      drive.fill(OLD);
      const { exitCode, stdout, stderr } = await rdtFlash([packed(name), '-d', drive.path, ...INSIST]);
      expect(stderr).not.toMatch(/^(rdt:|failed)/m);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`${drive.path}: written and verified`);
      expect(holdsImage(drive)).toBe(true);
      expect(drive.read(IMAGE.length, DRIVE_BYTES - IMAGE.length).every((byte) => byte === OLD)).toBe(true);
    },
  );

  it('arrives through standard input', async () => {
    drive.fill(OLD);
    const running = new RunningFlash(['-', '-d', drive.path, ...INSIST]);
    running.child.stdin?.end(readFileSync(packed('os.img.xz')));
    expect((await running.ended()).exitCode).toBe(0);
    expect(holdsImage(drive)).toBe(true);
  });

  it.each(['xz', 'bz2'])(
    '%s arrives without the program that unpacks it, and says which to install',
    async (name) => {
      drive.fill(OLD);
      const only = rig.program('lsblk', `exec ${execFileSync('which', ['lsblk']).toString().trim()} "$@"`);
      const args = [packed(`os.img.${name}`), '-d', drive.path, ...INSIST];
      const { exitCode, stderr } = await rdtFlash(args, { env: { PATH: only } });
      expect(stderr).toMatch(/is not installed \(.*(xz-utils|bzip2)/);
      expect(exitCode).toBe(0);
      expect(holdsImage(drive)).toBe(true);
    },
  );

  it.runIf(process.versions.node.startsWith('20.'))(
    'zst names the program that is missing, before the drive is touched',
    async () => {
      drive.fill(OLD);
      const only = rig.program('lsblk', 'exit 1');
      const args = [packed('os.img.zst'), '-d', drive.path, ...INSIST];
      const { exitCode, stderr } = await rdtFlash(args, { env: { PATH: only } });
      expect(stderr).toMatch(/the program zstd is not installed[^]*Install it: zstd/);
      expect(exitCode).toBe(1);
      expect(isUntouched(drive)).toBe(true);
    },
  );
});

describe('only what matters is written', () => {
  it('of a sparse file: its holes keep what was there', async () => {
    drive.fill(OLD);
    const sparse = rig.path('sparse.img');
    execFileSync('cp', ['--sparse=always', raw, sparse]);
    const { stdout } = await rdtFlash([sparse, '-d', drive.path, ...INSIST]);
    expect(stdout).toMatch(/16\.8 MB of 25\.2 MB \(2 mapped ranges\)/);
    expect(drive.read(8 * MIB, 8 * MIB).every((byte) => byte === OLD)).toBe(true);
    expect(drive.read(16 * MIB, IMAGE.length - 16 * MIB).equals(IMAGE.subarray(16 * MIB))).toBe(true);
  });

  it('of an image with a bmap beside it, and its checksums count', async () => {
    drive.fill(OLD);
    const image = rig.path('mapped.img');
    execFileSync('cp', ['--sparse=always', raw, image]);
    execFileSync('bmaptool', ['create', '-o', `${image}.bmap`, image]);
    execFileSync('xz', ['-0', '-k', image]);
    const mapped = await rdtFlash([`${image}.xz`, '-d', drive.path, ...INSIST]);
    expect(mapped.stdout).toMatch(/16\.8 MB of 25\.2 MB/);
    expect(drive.read(8 * MIB, 8 * MIB).every((byte) => byte === OLD)).toBe(true);
    const other = Buffer.from(IMAGE);
    other[20 * MIB] = 1;
    writeFileSync(image, other);
    const { exitCode, stderr } = await rdtFlash([image, '-d', drive.path, ...INSIST]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/does not match its bmap/);
    expect(cannotBoot(drive)).toBe(true);
  });

  it('of the ext partitions in an image without holes: their free blocks keep what was there', async () => {
    const { image, contents } = extImage();
    drive.fill(OLD);
    const { stdout, stderr } = await rdtFlash([image, '-d', drive.path, ...INSIST]);
    expect(stderr).toMatch(/not used by its file systems/);
    expect(stdout).toMatch(/written and verified/);
    const volume = rig.path('volume.img');
    writeFileSync(volume, drive.read(MIB, 23 * MIB));
    execFileSync('e2fsck', ['-f', '-n', volume], { stdio: 'ignore' });
    const found = execFileSync('debugfs', ['-R', 'cat /file', volume], {
      maxBuffer: 1 << 30,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(found.equals(contents)).toBe(true);
    expect(drive.read(MIB, 23 * MIB).includes(Buffer.alloc(MIB, OLD))).toBe(true);
  });

  function extImage(): { image: string; contents: Buffer } {
    const contents = noise(3 * MIB, 7);
    const root = rig.path('root');
    mkdirSync(root);
    writeFileSync(`${root}/file`, contents);
    const volume = rig.path('ext.img');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', root, volume, '23M'], { stdio: 'ignore' });
    const image = Buffer.from(makeImage(24 * MIB));
    readFileSync(volume).copy(image, MIB);
    return { image: rig.write('ext-disk.img', image), contents };
  }
});

describe('a checksum', () => {
  it('beside the image is checked while writing', async () => {
    const image = rig.path('summed.img');
    copyFileSync(raw, image);
    const sum = execFileSync('sha256sum', [image], { cwd: rig.folder }).toString();
    writeFileSync(`${image}.sha256`, sum);
    expect((await rdtFlash([image, '-d', drive.path, ...INSIST])).exitCode).toBe(0);
    writeFileSync(
      `${image}.sha256`,
      sum.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    );
    const { exitCode, stderr } = await rdtFlash([image, '-d', drive.path, ...INSIST]);
    expect(stderr).toMatch(/SHA-256/);
    expect(exitCode).toBe(1);
    expect(cannotBoot(drive)).toBe(true);
  });
});

describe('what is no disk image is refused before the drive is touched', () => {
  const cases: Record<string, { content: () => Buffer; what: RegExp }> = {
    'a text file': { content: () => Buffer.from('hello\n'.repeat(1000)), what: /it is a text file/ },
    'a web page': {
      content: () => Buffer.from(`<!DOCTYPE html>${' '.repeat(1000)}`),
      what: /it is a web page/,
    },
    'a 7z archive': {
      content: () => Buffer.concat([Buffer.from('377abcaf271c', 'hex'), noise(4096)]),
      what: /it is a 7z archive/,
    },
    'a packed tar': {
      content: () => gzipSync(execFileSync('tar', ['-c', '-C', '/etc', 'hostname'])),
      what: /it is a tar archive/,
    },
    'an empty file': { content: () => Buffer.alloc(0), what: /it is empty/ },
    'a truncated raw image': {
      content: () => IMAGE.subarray(0, 20 * MIB),
      what: /truncated: its partition 1 ends at/,
    },
    'an Edison image': { content: () => edison(), what: /empty partition table/ },
  };

  const edison = (): Buffer => {
    const image = Buffer.alloc(MIB);
    image.writeUInt16LE(0xaa55, 510);
    return image;
  };

  it.each(Object.keys(cases))('%s', async (name) => {
    drive.fill(OLD);
    const { content, what } = cases[name] ?? expect.fail(name);
    const { exitCode, stderr } = await rdtFlash([rig.write('other', content()), '-d', drive.path, ...INSIST]);
    expect(stderr).toMatch(what);
    expect(exitCode).toBe(1);
    expect(isUntouched(drive)).toBe(true);
  });
});
