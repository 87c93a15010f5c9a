import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
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
import { type FlashRig, type LoopDrive, processesWith, rdtFlash, RunningFlash } from './flash-rig.js';
import { ImageServer } from './flash-server.js';

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

  it.each(['a reader that loses its card', 'one that gets another card at once'])('%s', async (name) => {
    const card = rig.drive(name.replaceAll(' ', '-'), DRIVE_BYTES);
    const running = new RunningFlash(['-', '-d', card.path, ...INSIST]);
    await running.feed(IMAGE.subarray(0, 10 * MIB));
    await running.until(/writing/);
    card.pullOut();
    if (name.startsWith('one')) card.putIn(DRIVE_BYTES / 2);
    running.child.stdin?.end(IMAGE.subarray(10 * MIB));
    const { exitCode, stderr } = await running.ended();
    expect(stderr).toMatch(/failed .* was pulled out/);
    expect(exitCode).toBe(1);
    expect(processesWith(card.path)).toEqual([]);
  });

  it('a reader of its events that goes away is no success: it ends in good order', async () => {
    drive.fill(OLD);
    const running = new RunningFlash(['-', '-d', drive.path, ...INSIST, '--json']);
    running.child.stdout?.destroy();
    await running.feed(IMAGE.subarray(0, 10 * MIB));
    const { exitCode, stderr } = await running.ended();
    expect(stderr).toMatch(/interrupted/);
    expect(exitCode).toBe(130);
    expect(isUntouched(drive) || cannotBoot(drive)).toBe(true);
    expect(processesWith(drive.path)).toEqual([]);
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
          `exec 3>'${fifo}'; head -c ${size - 100_000} '${packed('os.img.xz')}' >&3; echo fed; exec sleep 1000`,
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
        expect(processesWith(`${fifo} -d`)).toEqual([]);
      } finally {
        feeder.kill();
      }
    },
  );
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
