import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeImage, MIB, noise } from '../unit/image-flash/test-image.js';
import {
  FlashRig,
  type LoopDrive,
  processesWith,
  rdtFlash,
  rdtFlashOnTerminal,
  RunningFlash,
} from './flash-rig.js';
import { ImageServer } from './flash-server.js';

const IMAGE = makeImage(24 * MIB + 512, 8 * MIB, 16 * MIB);
const DRIVE_BYTES = 32 * MIB;
const OLD = 0xee;
/** Loop devices are not removable: who means one has to insist. */
const INSIST = ['--yes', '--force'];

let rig: FlashRig;
let raw: string;
let drive: LoopDrive;

beforeAll(() => {
  rig = new FlashRig();
  raw = rig.write('os.img', IMAGE);
  drive = rig.drive('disk', DRIVE_BYTES);
});
afterAll(() => rig[Symbol.dispose]());

const pack = (command: string, ...args: string[]): Buffer =>
  execFileSync(command, args, { input: IMAGE, maxBuffer: 1 << 30 });
const holdsImage = (on: LoopDrive): boolean => on.read(0, IMAGE.length).equals(IMAGE);
const isUntouched = (on: LoopDrive): boolean => on.read(0, DRIVE_BYTES).every((byte) => byte === OLD);
const cannotBoot = (on: LoopDrive): boolean => on.read(0, MIB).every((byte) => byte === 0);

/** The image, packed when it is first wanted. */
const FORMATS: Readonly<Record<string, (path: string) => void>> = {
  'os.img': () => undefined,
  'os.img.gz': (path) => writeFileSync(path, pack('gzip', '-1')),
  'members.gz': (path) =>
    writeFileSync(path, Buffer.concat([gzipSync(IMAGE.subarray(0, 5e6)), gzipSync(IMAGE.subarray(5e6))])),
  'os.img.xz': (path) => writeFileSync(path, pack('xz', '-0', '-T2', '--block-size=4MiB')),
  'os.img.bz2': (path) => writeFileSync(path, pack('bzip2', '-1')),
  'os.img.zst': (path) => writeFileSync(path, pack('zstd', '-q')),
  'os.zip': (path) => void execFileSync('zip', ['-q', '-1', '-j', path, raw]),
};

function packed(name: string): string {
  const path = rig.path(name);
  if (!existsSync(path)) (FORMATS[name] ?? expect.fail(name))(path);
  return path;
}

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

describe('several drives', () => {
  it('are written in one pass, each with its own verdict', async () => {
    const [good, failing] = [rig.drive('good', DRIVE_BYTES), rig.fullDrive('failing', DRIVE_BYTES, 6 * MIB)];
    const { exitCode, stdout, stderr } = await rdtFlash([
      packed('os.img.gz'),
      '-d',
      good.path,
      '-d',
      failing.path,
      ...INSIST,
    ]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`${good.path}: written and verified`);
    expect(stderr).toMatch(new RegExp(`failed ${failing.path}: writing`));
    expect(holdsImage(good)).toBe(true);
    expect(cannotBoot(failing)).toBe(true);
  });
});

describe('a drive that must not be written', () => {
  const refused = async (target: string, why: RegExp, options = {}): Promise<void> => {
    const { exitCode, stderr } = await rdtFlash([raw, '-d', target, ...INSIST], options);
    expect(stderr).toMatch(why);
    expect(exitCode).toBe(1);
  };

  it('is the one that carries the running system', async () => {
    const root = execFileSync('findmnt', ['-n', '-o', 'SOURCE', '/']).toString().trim();
    await refused(root, /carries the running system/);
  });

  it('is one that is too small, which is said before anything is written', async () => {
    const small = rig.drive('small', 20 * MIB);
    small.fill(OLD);
    await refused(small.path, /too small: it holds 20971520 bytes, the image needs 25166336/);
    expect(small.read(0, 20 * MIB).every((byte) => byte === OLD)).toBe(true);
  });

  it('is one that is too small for a gz that does not tell its size but whose partitions do', async () => {
    const small = rig.drive('small2', 20 * MIB);
    const { stderr } = await rdtFlash([packed('os.img.gz'), '-d', small.path, ...INSIST]);
    expect(stderr).toMatch(/too small/);
  });

  it('is one that is read-only', async () => {
    const locked = rig.drive('locked', DRIVE_BYTES);
    execFileSync('blockdev', ['--setro', locked.path]);
    await refused(locked.path, /read-only/);
  });

  it('is one that another program writes, which is named', async () => {
    const busy = rig.drive('busy', DRIVE_BYTES);
    busy.fill(OLD);
    const writer = spawn('sh', ['-c', `exec 3<>${busy.path}; echo ready; exec sleep 1000`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(writer.stdout, 'data');
    try {
      await refused(busy.path, new RegExp(`busy: it is used by sleep \\(pid ${writer.pid ?? 0}\\)`));
      expect(isUntouched(busy)).toBe(true);
    } finally {
      writer.kill();
    }
  });

  it('is one whose file system is in use, and by whom', async () => {
    const used = rig.drive('used', DRIVE_BYTES);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', used.path]);
    const mountPoint = rig.mount(used, 'used-mount');
    const user = spawn('sleep', ['1000'], { cwd: mountPoint });
    await once(user, 'spawn');
    try {
      await refused(
        used.path,
        new RegExp(`cannot unmount ${mountPoint}[^]*sleep \\(pid ${user.pid ?? 0}\\)`),
      );
    } finally {
      user.kill();
    }
  });

  it('is one that the image lies on', async () => {
    const own = rig.drive('own', 64 * MIB);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', own.path]);
    const mountPoint = rig.mount(own, 'own-mount');
    copyFileSync(raw, `${mountPoint}/os.img`);
    const { exitCode, stderr } = await rdtFlash([`${mountPoint}/os.img`, '-d', own.path, ...INSIST]);
    expect(stderr).toMatch(/the image itself lies on it/);
    expect(exitCode).toBe(1);
  });

  it('is one that this user may not write: one line says how', async () => {
    const closed = rig.drive('closed', DRIVE_BYTES);
    const { exitCode, stderr } = await rdtFlash([raw, '-d', closed.path, ...INSIST], { uid: 65534 });
    expect(stderr.trim().split('\n').at(-1)).toMatch(/may not write .*sudo.*group disk/);
    expect(exitCode).toBe(1);
  });
});

describe('mounted drives', () => {
  it('are unmounted exactly, and no others, also nested ones', async () => {
    const [target, neighbour] = [rig.drive('target', DRIVE_BYTES), rig.drive('neighbour', DRIVE_BYTES)];
    for (const one of [target, neighbour]) execFileSync('mke2fs', ['-q', '-t', 'ext4', one.path]);
    const place = rig.mount(target, 'place');
    const beside = rig.mount(neighbour, 'place2');
    const again = rig.mount(target, 'place-again');
    const { exitCode, stderr } = await rdtFlash([raw, '-d', target.path, ...INSIST]);
    expect(stderr).not.toMatch(/^(rdt:|failed)/m);
    expect(exitCode).toBe(0);
    for (const one of [place, again]) expect(stderr).toMatch(new RegExp(`unmounted .*${one}(,|$)`, 'm'));
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    expect(mounts).not.toContain(` ${target.path} `);
    expect(mounts).toContain(` ${beside} `);
    expect(holdsImage(target)).toBe(true);
  });
});

describe('a fault on the way', () => {
  it.each(['gz', 'xz', 'bz2', 'zst'])(
    'a damaged %s is found out, and leaves no card that boots',
    async (name) => {
      const bytes = readFileSync(packed(`os.img.${name}`));
      const at = Math.floor(bytes.length * 0.7);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      const { exitCode, stderr } = await rdtFlash([rig.write('damaged', bytes), '-d', drive.path, ...INSIST]);
      expect(stderr).toMatch(/failed .*damaged/);
      expect(exitCode).toBe(1);
      expect(cannotBoot(drive)).toBe(true);
      expect(processesWith(rig.folder)).toEqual([]);
    },
  );

  it('a medium that ends earlier than it says', async () => {
    const liar = rig.fullDrive('liar', DRIVE_BYTES, 10 * MIB);
    const { exitCode, stderr } = await rdtFlash([raw, '-d', liar.path, ...INSIST]);
    expect(stderr).toMatch(/failed .*(full|fails)/);
    expect(exitCode).toBe(1);
    expect(cannotBoot(liar)).toBe(true);
  });

  it('a card that loses what it was given', async () => {
    const card = rig.drive('worn', DRIVE_BYTES);
    const running = new RunningFlash(['-', '-d', card.path, ...INSIST]);
    await running.feed(IMAGE.subarray(0, 10 * MIB));
    await running.until(/writing/);
    card.loseAll();
    running.child.stdin?.end(IMAGE.subarray(10 * MIB));
    const { exitCode, stderr } = await running.ended();
    expect(stderr).toMatch(/failed .*does not hold what was written to it/);
    expect(exitCode).toBe(1);
    expect(cannotBoot(card)).toBe(true);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it in good order: no child left, the device free, no card that boots',
    async (signal) => {
      drive.fill(OLD);
      const fifo = rig.path(`fifo-${signal}`);
      execFileSync('mkfifo', [fifo]);
      const { size } = statSync(packed('os.img.xz'));
      const feeder = spawn(
        'sh',
        [
          '-c',
          `exec 3<>'${fifo}'; head -c ${size - 100_000} '${packed('os.img.xz')}' >&3; echo fed; exec sleep 1000`,
        ],
        { stdio: ['ignore', 'pipe', 'ignore'] },
      );
      try {
        const running = new RunningFlash([fifo, '-d', drive.path, ...INSIST]);
        await running.until(/writing/);
        running.child.kill(signal);
        const { exitCode, stderr } = await running.ended();
        expect(exitCode).toBe(130);
        expect(stderr).toMatch(new RegExp(`interrupted ${drive.path}: it is incomplete`));
        expect(cannotBoot(drive)).toBe(true);
        expect(
          execFileSync('sh', ['-c', 'ps -e -o args= | grep -c "^xz --decompress" || true']).toString().trim(),
        ).toBe('0');
      } finally {
        feeder.kill();
      }
    },
  );
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

describe('an address', () => {
  it.each(['os.img', 'os.img.gz', 'os.img.xz', 'os.zip'])(
    '%s is downloaded in spite of dropped connections',
    async (name) => {
      drive.fill(OLD);
      const content = readFileSync(packed(name));
      await using server = await ImageServer.start(content, {
        dropAfterBytes: Math.ceil(content.length / 3),
      });
      const { exitCode, stderr } = await rdtFlash([server.url(name), '-d', drive.path, ...INSIST]);
      expect(stderr).not.toMatch(/^(rdt:|failed)/m);
      expect(exitCode).toBe(0);
      expect(server.ranges.length).toBeGreaterThanOrEqual(3);
      expect(holdsImage(drive)).toBe(true);
    },
  );

  it.each([
    ['a server without ranges', { noRanges: true, dropAfterBytes: 20 * MIB }, /cannot download/, 1],
    [
      'a file that changes meanwhile',
      { changes: true, dropAfterBytes: 10 * MIB },
      /was changed on the server/,
      1,
    ],
    ['a server that tells no length', { noLength: true }, /^/, 0],
    ['an unknown content encoding', { encoding: 'compress' }, /content encoding compress/, 1],
  ])('%s', async (_, faults, message, code) => {
    await using server = await ImageServer.start(IMAGE, faults);
    const { exitCode, stderr } = await rdtFlash([server.url('os.img'), '-d', drive.path, ...INSIST]);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(code);
  });

  it('with a gzip content encoding', async () => {
    drive.fill(OLD);
    await using server = await ImageServer.start(gzipSync(IMAGE), { encoding: 'gzip' });
    expect((await rdtFlash([server.url('os.img'), '-d', drive.path, ...INSIST])).exitCode).toBe(0);
    expect(holdsImage(drive)).toBe(true);
  });

  it('is followed when it is redirected, and said to be missing when it is', async () => {
    await using server = await ImageServer.start(IMAGE);
    expect((await rdtFlash([server.url('moved'), '-d', drive.path, ...INSIST])).exitCode).toBe(0);
    const { exitCode, stderr } = await rdtFlash([server.url('missing'), '-d', drive.path, ...INSIST]);
    expect(stderr).toMatch(/the server answered 404/);
    expect(exitCode).toBe(1);
  });
});

describe('consent', () => {
  it('without a terminal and without --yes is a usage error', async () => {
    drive.fill(OLD);
    const { exitCode, stderr } = await rdtFlash([raw, '-d', drive.path]);
    expect(stderr).toMatch(/--yes/);
    expect(exitCode).toBe(2);
    expect(isUntouched(drive)).toBe(true);
  });

  it('for a drive that is not removable takes --force beside --yes', async () => {
    const { exitCode, stderr } = await rdtFlash([raw, '-d', drive.path, '--yes']);
    expect(stderr).toMatch(/needs more than --yes: it is not a removable drive/);
    expect(exitCode).toBe(2);
  });

  it('on a terminal names the drive, its size and what is on it; declined, nothing is written', async () => {
    const stick = rig.drive('stick', DRIVE_BYTES);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-L', 'holiday', stick.path]);
    const before = stick.read(0, DRIVE_BYTES);
    const { exitCode, stdout } = await rdtFlashOnTerminal(
      [raw, '-d', rig.alias(stick)],
      'n\r',
      asUsbStick(stick),
    );
    expect(stdout).toMatch(/33\.6 MB {2}Generic Card {2}usb[^]*ext4 "holiday"/);
    expect(stdout).toMatch(/nothing was written/);
    expect(exitCode).toBe(1);
    expect(stick.read(0, DRIVE_BYTES).equals(before)).toBe(true);
  });

  it('on a terminal is given with y, or by choosing from the list and y', async () => {
    const stick = rig.drive('stick2', DRIVE_BYTES);
    const alias = rig.alias(stick);
    const { exitCode, stdout } = await rdtFlashOnTerminal([raw, '-d', alias], 'y\r', asUsbStick(stick));
    expect(stdout).toContain('written and verified');
    expect(exitCode).toBe(0);
    expect(holdsImage(stick)).toBe(true);
  });

  it('for a drive that is not removable takes its name', async () => {
    drive.fill(OLD);
    const wrong = await rdtFlashOnTerminal([raw, '-d', drive.path], 'yes\r');
    expect(wrong.stdout).toMatch(/type its name/);
    expect(wrong.exitCode).toBe(1);
    expect(isUntouched(drive)).toBe(true);
  });

  /** PATH with an lsblk that shows the loop device as a USB stick (FLASH.md). */
  function asUsbStick(stick: LoopDrive): Record<string, string> {
    const path = rig.alias(stick);
    const real = execFileSync('which', ['lsblk']).toString().trim();
    const listed = JSON.parse(
      execFileSync(real, ['--bytes', '--all', '--json', '--paths', '--output-all', stick.path]).toString(),
    ) as {
      blockdevices: Record<string, unknown>[];
    };
    const stub = listed.blockdevices.map((device) => ({
      ...device,
      name: path,
      path,
      kname: '/dev/sdz',
      type: 'disk',
      fstype: 'ext4',
      label: 'holiday',
      rm: true,
      hotplug: true,
      tran: 'usb',
      vendor: 'Generic',
      model: 'Card',
    }));
    const folder = rig.program('lsblk', `cat <<'END'\n${JSON.stringify({ blockdevices: stub })}\nEND`);
    return { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  }
});

describe('a dry run', () => {
  it('says what would be written, and writes nothing', async () => {
    drive.fill(OLD);
    const { exitCode, stdout } = await rdtFlash([raw, '-d', drive.path, '--dry-run']);
    expect(stdout).toMatch(new RegExp(`would erase ${drive.path}[^]*nothing was written`));
    expect(exitCode).toBe(0);
    expect(isUntouched(drive)).toBe(true);
  });
});

describe('an image file as the target', () => {
  it('needs no root, is created, and holds the image', async () => {
    const folder = rig.path('of-nobody');
    mkdirSync(folder);
    execFileSync('chown', ['65534', folder]);
    const target = `${folder}/card.img`;
    const { exitCode, stderr } = await rdtFlash([packed('os.img.gz'), '-d', target, '--yes'], {
      uid: 65534,
    });
    expect(stderr).not.toMatch(/^(rdt:|failed)/m);
    expect(exitCode).toBe(0);
    expect(readFileSync(target).equals(IMAGE)).toBe(true);
  });

  it('stands for a card of its size', async () => {
    const target = rig.write('card.img', '');
    truncateSync(target, 20 * MIB);
    expect((await rdtFlash([raw, '-d', target, '--yes'])).stderr).toMatch(/too small/);
    truncateSync(target, DRIVE_BYTES);
    expect((await rdtFlash([raw, '-d', target, '--yes'])).exitCode).toBe(0);
    expect(statSync(target).size).toBe(DRIVE_BYTES);
    expect(readFileSync(target).subarray(0, IMAGE.length).equals(IMAGE)).toBe(true);
  });

  it('is not created under /dev, nor over the image itself', async () => {
    const missing = await rdtFlash([raw, '-d', '/dev/rdt-no-such-drive', '--yes']);
    expect(missing.stderr).toMatch(/there is no drive or file/);
    expect(existsSync('/dev/rdt-no-such-drive')).toBe(false);
    expect((await rdtFlash([raw, '-d', raw, '--yes'])).stderr).toMatch(/it is the image itself/);
  });
});

describe('a card that is set up while it is written', () => {
  const CONFIG = { hostname: 'old', deviceType: 'raspberrypi3', uuid: 'f00' };

  /** The image with a FAT boot partition that holds `config.json`. */
  function bootable(): Buffer {
    const volume = rig.write('boot.fat', '');
    truncateSync(volume, 16 * MIB);
    execFileSync('mkfs.vfat', ['-F', '16', '-n', 'resin-boot', volume], { stdio: 'ignore' });
    execFileSync('mcopy', ['-i', volume, rig.write('config.json', JSON.stringify(CONFIG)), '::/config.json']);
    const image = Buffer.from(IMAGE);
    readFileSync(volume).copy(image, MIB);
    return image;
  }

  it.each(['raw', 'gz'])('from %s boots with the new settings, and nothing else differs', async (format) => {
    const content = bootable();
    const image = rig.write(`boot.${format}`, format === 'raw' ? content : gzipSync(content));
    const settings = ['--hostname', 'kitchen', '--wifi-ssid', 'home', '--wifi-key', 'correct horse'];
    const { exitCode, stderr } = await rdtFlash([image, '-d', drive.path, ...INSIST, ...settings]);
    expect(stderr).toMatch(/configuring/);
    expect(exitCode).toBe(0);
    const volume = rig.write('boot.back', drive.read(MIB, 16 * MIB));
    execFileSync('fsck.vfat', ['-n', volume]);
    const config = JSON.parse(execFileSync('mtype', ['-i', volume, '::/config.json']).toString()) as unknown;
    expect(config).toEqual({ ...CONFIG, hostname: 'kitchen' });
    const profile = execFileSync('mtype', ['-i', volume, '::/system-connections/resin-wifi']).toString();
    expect(profile).toMatch(/psk=correct horse/);
    expect(drive.read(0, MIB).equals(content.subarray(0, MIB))).toBe(true);
    expect(drive.read(17 * MIB, IMAGE.length - 17 * MIB).equals(content.subarray(17 * MIB))).toBe(true);
  });

  it('is not touched when the settings are wrong, or the image has no boot partition', async () => {
    drive.fill(OLD);
    const wrong = await rdtFlash([raw, '-d', drive.path, ...INSIST, '--hostname', 'not a host name']);
    expect(wrong.exitCode).toBe(2);
    const { exitCode, stderr } = await rdtFlash([raw, '-d', drive.path, ...INSIST, '--hostname', 'kitchen']);
    expect(stderr).toMatch(/boot partition/);
    expect(exitCode).toBe(1);
    expect(isUntouched(drive)).toBe(true);
  });
});

describe('events', () => {
  it('are one JSON object a line, the verdict last', async () => {
    const { stdout, stderr } = await rdtFlash([raw, '-d', drive.path, ...INSIST, '--json']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(stderr).toBe('');
    expect(events[0]).toMatchObject({ type: 'plan', formats: ['raw'], imageBytes: IMAGE.length });
    expect(events.filter(({ type }) => type === 'progress').map(({ phase }) => phase)).toContain('verifying');
    expect(events.at(-1)).toMatchObject({
      type: 'verdict',
      kind: 'written',
      drive: drive.path,
      verifiedBytes: IMAGE.length,
    });
  });
});
