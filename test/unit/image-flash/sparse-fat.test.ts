import { execFileSync } from 'node:child_process';
import { afterAll, expect, vi } from 'vitest';
import { makeDisk } from '../image/medium/disk-image.js';
import { FatTools, VOLUMES, type VolumeOptions } from '../image/medium/fat-tools.js';
import { DISK_PROGRAMS, withHoles } from '../image/medium/with-programs.js';
import { totalBytes } from '../../../src/image/block-map.js';
import { openImage, PackedFiles } from './packed-files.js';
import { MIB } from './test-image.js';

const { describe, it } = withHoles(...DISK_PROGRAMS);
vi.setConfig({ testTimeout: 60_000 });

const tools = new FatTools();
const files = new PackedFiles();
afterAll(() => {
  tools[Symbol.dispose]();
  files[Symbol.dispose]();
});

const CONTENT = { '/config.json': '{}', '/zeros': Buffer.alloc(64 * 1024) };

/** A card that held something else, and then what the map of a sparse image says. */
async function flashed(image: Buffer): Promise<{ card: Buffer; mappedBytes: number }> {
  const path = files.write('dense.img', image);
  const sparse = `${files.folder}/sparse.img`;
  execFileSync('cp', ['--sparse=always', path, sparse]);
  const source = await openImage(sparse);
  await source.close();
  expect(source.map?.origin).toBe('holes');
  const ranges = source.map?.ranges ?? [];
  const card = Buffer.alloc(image.length, 0xa7);
  for (const { offset, sizeBytes } of [{ offset: 0, sizeBytes: MIB }, ...ranges]) {
    image.copy(card, offset, offset, offset + sizeBytes);
  }
  return { card, mappedBytes: totalBytes(ranges) };
}

describe('an image that lost its runs of zeros to holes', () => {
  it.each<[string, VolumeOptions]>([
    ['FAT12', VOLUMES.fat12],
    ['FAT16', VOLUMES.fat16],
    ['FAT32', VOLUMES.fat32],
  ])('arrives with its %s partition whole, and without its free space', async (_, options) => {
    const volume = tools.make(options, CONTENT);
    const sizeMib = volume.length / MIB;
    const disk = makeDisk('dos', 3 + sizeMib, [{ startMib: 2, sizeMib, type: 'c', content: volume }]);
    const { card, mappedBytes } = await flashed(disk);
    const arrived = card.subarray(2 * MIB, 2 * MIB + volume.length);
    expect(tools.check(arrived)).toMatchObject({ isClean: true });
    expect(tools.type(arrived, '/zeros')?.equals(CONTENT['/zeros'])).toBe(true);
    expect(mappedBytes).toBeLessThan(volume.length / 2);
  });

  it('arrives whole when it is one FAT volume', async () => {
    const { card } = await flashed(tools.make({ ...VOLUMES.fat32, label: 'resin-boot' }, CONTENT));
    expect(tools.check(card)).toMatchObject({ isClean: true });
  });
});
