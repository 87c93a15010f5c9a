import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../unit/image-flash/test-image.js';
import {
  cannotBoot,
  DRIVE_BYTES,
  FlashFixture,
  INSIST,
  holdsImage,
  IMAGE,
  isUntouched,
  OLD,
} from './flash-fixture.js';
import { type FlashRig, rdtFlash } from './flash-rig.js';

let fixture: FlashFixture;
let rig: FlashRig;
let raw: string;

beforeAll(() => {
  fixture = new FlashFixture();
  rig = fixture.rig;
  raw = fixture.raw;
});
afterAll(() => fixture[Symbol.dispose]());

const packed = (name: string): string => fixture.packed(name);

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

describe('an image file as the target', () => {
  it('needs no root, is created, and holds the image', async () => {
    const folder = rig.path('of-nobody');
    mkdirSync(folder);
    execFileSync('chown', ['65534', folder]);
    const target = `${folder}/card.img`;
    // Nor a home: this one may not even be looked into.
    const { exitCode, stderr } = await rdtFlash([packed('os.img.gz'), '-d', target, '--yes'], {
      uid: 65534,
      env: { HOME: '/root' },
    });
    expect(stderr).not.toMatch(/^(rdt:|failed)|Error/m);
    expect(exitCode).toBe(0);
    expect(readFileSync(target).equals(IMAGE)).toBe(true);
  });

  it('is as large as the image, also when that ends in a hole', async () => {
    const holey = rig.write('holey.img', IMAGE.subarray(0, 8 * MIB));
    truncateSync(holey, IMAGE.length);
    const target = rig.path('of-holes.img');
    expect((await rdtFlash([holey, '-d', target, '--yes'])).stdout).toMatch(/1 mapped range/);
    expect(statSync(target).size).toBe(IMAGE.length);
    expect(readFileSync(target).equals(readFileSync(holey))).toBe(true);
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
