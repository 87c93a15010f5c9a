import { describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import type { BlockDevice } from '../../../src/image/block-device.js';
import type { BlockMap } from '../../../src/image/block-map.js';
import { flash, type FlashJob } from '../../../src/image/flash.js';
import type { DriveVerdict, FlashProgress } from '../../../src/image/flash-event.js';
import { FakeDrive } from './fake-drive.js';
import { FakeImage } from './fake-image.js';
import { makeImage, MIB, noise } from './test-image.js';

const IMAGE = makeImage(14 * MIB + 512);
const UNTOUCHED = 0xee;

interface RunOptions {
  readonly verify?: boolean;
  readonly configure?: FlashJob['configure'];
  readonly signal?: AbortSignal;
  readonly progress?: (progress: FlashProgress) => void;
}

function run(
  source: FakeImage,
  drives: readonly FakeDrive[],
  options: RunOptions = {},
): Promise<DriveVerdict[]> {
  const job: FlashJob = {
    source,
    drives,
    verify: options.verify ?? true,
    configure: options.configure,
    monotonicMs: () => 0,
    progress: options.progress ?? (() => undefined),
  };
  return flash(job, options.signal ?? new AbortController().signal);
}

const card = (sizeBytes = 20 * MIB): FakeDrive => new FakeDrive('/dev/card', sizeBytes);
const firstMib = (drive: FakeDrive): Buffer => drive.medium.subarray(0, MIB);
const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

describe('a card that is written', () => {
  it('holds the image byte for byte, and nothing behind it is touched', async () => {
    const drive = card();
    const [verdict] = await run(new FakeImage(IMAGE), [drive]);
    expect(verdict).toMatchObject({ kind: 'written', imageBytes: IMAGE.length, verifiedBytes: IMAGE.length });
    expect(drive.medium.subarray(0, IMAGE.length).equals(IMAGE)).toBe(true);
    expect(drive.medium.subarray(IMAGE.length).every((byte) => byte === UNTOUCHED)).toBe(true);
  });

  it('has its first MiB emptied first and written last, with a sync before and after', async () => {
    const drive = card();
    await run(new FakeImage(IMAGE), [drive]);
    const { actions } = drive;
    expect(actions.slice(0, 2)).toEqual([{ kind: 'write', offset: 0, sizeBytes: MIB }, { kind: 'sync' }]);
    expect(actions.slice(-3)).toEqual([
      { kind: 'sync' },
      { kind: 'write', offset: 0, sizeBytes: MIB },
      { kind: 'sync' },
    ]);
    const body = actions.slice(2, -3);
    expect(body.every((action) => action.kind === 'write' && action.offset >= MIB)).toBe(true);
  });

  it('holds an image of unknown size whose end is in the middle of a sector', async () => {
    const drive = card();
    const odd = IMAGE.subarray(0, 9 * MIB + 100);
    const [verdict] = await run(new FakeImage(odd, { size: 'unknown' }), [drive]);
    expect(verdict).toMatchObject({ kind: 'written', imageBytes: odd.length });
    expect(drive.medium.subarray(0, odd.length).equals(odd)).toBe(true);
    expect(isZero(drive.medium.subarray(odd.length, 9 * MIB + 512))).toBe(true);
  });

  it('holds an image that is smaller than one MiB', async () => {
    const drive = card();
    const small = noise(40_000);
    const [verdict] = await run(new FakeImage(small), [drive]);
    expect(verdict).toMatchObject({ kind: 'written', writtenBytes: small.length });
    expect(drive.medium.subarray(0, small.length).equals(small)).toBe(true);
  });

  it('has only the mapped ranges written, and the verdict counts them', async () => {
    const drive = card();
    const map: BlockMap = {
      origin: 'bmap',
      ranges: [
        { offset: 0, sizeBytes: 4096 },
        { offset: 3 * MIB, sizeBytes: 4096 },
        { offset: 5 * MIB, sizeBytes: 6 * MIB },
      ],
    };
    const [verdict] = await run(new FakeImage(IMAGE, { map }), [drive]);
    expect(verdict).toMatchObject({ kind: 'written', rangeCount: 3, writtenBytes: MIB + 4096 + 6 * MIB });
    expect(
      drive.medium.subarray(3 * MIB, 3 * MIB + 4096).equals(IMAGE.subarray(3 * MIB, 3 * MIB + 4096)),
    ).toBe(true);
    expect(drive.medium.subarray(5 * MIB, 11 * MIB).equals(IMAGE.subarray(5 * MIB, 11 * MIB))).toBe(true);
    for (const [from, to] of [
      [MIB, 3 * MIB],
      [3 * MIB + 4096, 5 * MIB],
      [11 * MIB, 20 * MIB],
    ]) {
      expect(drive.medium.subarray(from, to).every((byte) => byte === UNTOUCHED)).toBe(true);
    }
  });

  it('is configured before anything could boot from it, and sees its own first MiB', async () => {
    const drive = card();
    const configure = async (device: BlockDevice): Promise<void> => {
      expect(isZero(firstMib(drive))).toBe(true);
      expect((await device.read(0, 512)).equals(IMAGE.subarray(0, 512))).toBe(true);
      const across = await device.read(MIB - 100, 200);
      expect(across.equals(IMAGE.subarray(MIB - 100, MIB + 100))).toBe(true);
      await device.write(MIB - 3, Buffer.from('abcdef'));
      await device.write(2 * MIB + 7, Buffer.from('hello'));
      await device.sync();
    };
    const [verdict] = await run(new FakeImage(IMAGE), [drive], { configure });
    expect(verdict).toMatchObject({ kind: 'written' });
    const expected = Buffer.from(IMAGE);
    expected.write('abcdef', MIB - 3);
    expected.write('hello', 2 * MIB + 7);
    expect(drive.medium.subarray(0, IMAGE.length).equals(expected)).toBe(true);
  });

  it('is not read back when verification is not wanted', async () => {
    const drive = card();
    drive.badByte = 5 * MIB;
    const [verdict] = await run(new FakeImage(IMAGE), [drive], { verify: false });
    expect(verdict).toMatchObject({ kind: 'written', verifiedBytes: undefined });
  });
});

describe('a card that cannot be written', () => {
  it.each([
    ['in the middle', 7 * MIB],
    ['in its first MiB', 12],
  ])('fails verification when it reads back differently %s, and does not boot', async (_, badByte) => {
    const drive = card();
    drive.badByte = badByte;
    const [verdict] = await run(new FakeImage(IMAGE), [drive]);
    expect(verdict).toMatchObject({ kind: 'failed' });
    expect(verdict?.kind === 'failed' && verdict.error.message).toMatch(/does not hold what was written/);
    if (badByte > MIB) expect(isZero(firstMib(drive))).toBe(true);
  });

  it('is not read on once it has read back differently', async () => {
    const drive = card(64 * MIB);
    drive.badByte = 5 * MIB;
    const read: number[] = [];
    drive.beforeRead = (offset) => void read.push(offset);
    await run(new FakeImage(makeImage(40 * MIB)), [drive]);
    expect(Math.max(...read)).toBeLessThan(20 * MIB);
  });

  it('does not boot when its medium fails half-way', async () => {
    const drive = card();
    drive.failsFrom = 8 * MIB;
    const [verdict] = await run(new FakeImage(IMAGE), [drive]);
    expect(verdict).toMatchObject({ kind: 'failed', phase: 'writing' });
    expect(isZero(firstMib(drive))).toBe(true);
  });

  it('does not boot when the configuration fails', async () => {
    const drive = card();
    const configure = () => Promise.reject(new RdtError('the boot partition is full'));
    const [verdict] = await run(new FakeImage(IMAGE), [drive], { configure });
    expect(verdict).toMatchObject({ kind: 'failed', phase: 'configuring' });
    expect(isZero(firstMib(drive))).toBe(true);
  });

  it('is told apart by its size when the image did not tell its own before', async () => {
    const drive = card(10 * MIB);
    const [verdict] = await run(new FakeImage(IMAGE, { size: 'unknown' }), [drive]);
    expect(verdict?.kind === 'failed' && verdict.error.message).toMatch(
      /the image is larger than \/dev\/card/,
    );
    expect(isZero(firstMib(drive))).toBe(true);
  });

  it('leaves the others alone', async () => {
    const [good, failing, worn] = [card(), card(), card()];
    failing.failsFrom = 3 * MIB;
    worn.badByte = 9 * MIB;
    const verdicts = await run(new FakeImage(IMAGE), [good, failing, worn]);
    expect(verdicts.map(({ kind }) => kind)).toEqual(['written', 'failed', 'failed']);
    expect(good.medium.subarray(0, IMAGE.length).equals(IMAGE)).toBe(true);
    expect([failing, worn].every((drive) => isZero(firstMib(drive)))).toBe(true);
  });
});

describe('an image that turns out to be damaged', () => {
  it.each([
    ['half-way', new FakeImage(IMAGE, { damagedFrom: 6 * MIB })],
    ['at its end', new FakeImage(IMAGE, { wrongAtEnd: true })],
    [
      'by being shorter than its partitions',
      new FakeImage(IMAGE.subarray(0, 5 * MIB), { size: 'unknown', leastSizeBytes: 14 * MIB }),
    ],
    [
      'by not matching its bmap',
      new FakeImage(IMAGE, {
        map: {
          origin: 'bmap',
          checksumAlgorithm: 'sha256',
          ranges: [{ offset: 0, sizeBytes: 3 * MIB, checksum: '00' }],
        },
      }),
    ],
  ])('%s leaves no card that boots', async (_, source) => {
    const drives = [card(), card()];
    const verdicts = await run(source, drives);
    expect(verdicts.map(({ kind }) => kind)).toEqual(['failed', 'failed']);
    expect(drives.every((drive) => isZero(firstMib(drive)))).toBe(true);
  });
});

describe('an interruption', () => {
  it('at any write ends at once, and leaves no card that boots', async () => {
    const writes = await countWrites();
    for (let at = 1; at < writes; at += 1) {
      const drive = card();
      const controller = new AbortController();
      let seen = 0;
      drive.beforeWrite = () => {
        seen += 1;
        if (seen === at) controller.abort(new Error('interrupted'));
      };
      await expect(run(new FakeImage(IMAGE), [drive], { signal: controller.signal })).rejects.toThrow(
        'interrupted',
      );
      expect(isZero(firstMib(drive)), `at write ${at}`).toBe(true);
    }
  });

  async function countWrites(): Promise<number> {
    const drive = card();
    await run(new FakeImage(IMAGE), [drive]);
    return drive.actions.filter((action) => action.kind === 'write').length;
  }
});

describe('progress', () => {
  it('adds up to the whole in every phase', async () => {
    const last = new Map<string, FlashProgress>();
    await run(new FakeImage(IMAGE), [card()], { progress: (progress) => last.set(progress.phase, progress) });
    expect([...last.keys()]).toEqual(['writing', 'verifying', 'finishing']);
    expect(last.get('verifying')).toMatchObject({
      doneBytes: IMAGE.length - MIB,
      totalBytes: IMAGE.length - MIB,
    });
  });
});
