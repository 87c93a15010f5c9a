import { afterAll, expect, vi } from 'vitest';
import { type BootPartition, findBootPartition } from '../../../src/image/boot-partition.js';
import { RdtError } from '../../../src/errors.js';
import { FatVolume } from '../../../src/image/fat/fat-volume.js';
import { type DiskPartition, makeDisk, makeExt4 } from './medium/disk-image.js';
import { FatTools, VOLUMES, type VolumeOptions } from './medium/fat-tools.js';
import { MemoryDevice } from './medium/memory-device.js';
import { DISK_PROGRAMS, withPrograms } from './medium/with-programs.js';

const { describe, it } = withPrograms(...DISK_PROGRAMS);
// The programs of Debian that judge here wait for a processor like everybody.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const tools = new FatTools();
afterAll(() => tools[Symbol.dispose]());

const find = (bytes: Buffer): Promise<BootPartition> =>
  findBootPartition(new MemoryDevice(bytes), (device) => FatVolume.open(device, () => new Date()));

const fat = (label: string, options: VolumeOptions = VOLUMES.fat16, files = {}): Buffer =>
  tools.make({ ...options, label }, { '/config.json': `{"label":"${label}"}`, ...files });

const partition = (startMib: number, content: Buffer, type = 'c'): DiskPartition => ({
  startMib,
  sizeMib: content.length >> 20,
  type,
  content,
});

async function expectFound(bytes: Buffer, label: string, description: string): Promise<void> {
  const found = await find(bytes);
  expect((await found.files.read('/config.json'))?.toString()).toBe(`{"label":"${label}"}`);
  expect(found.description).toBe(description);
}

describe('the boot partition', () => {
  it.each([
    ['FAT12', VOLUMES.fat12],
    ['FAT16', VOLUMES.fat16],
    ['FAT32', VOLUMES.fat32],
  ])('is found by its label on an MBR disk with %s', async (_, options) => {
    const disk = makeDisk('dos', 48, [
      partition(4, fat('resin-boot', options)),
      partition(40, makeExt4(4, 'resin-rootA'), '83'),
    ]);
    await expectFound(disk, 'resin-boot', 'partition 1 (resin-boot)');
  });

  it('is found by its label when it is not the first, also among logical partitions', async () => {
    const disk = makeDisk('dos', 32, [
      partition(1, fat('OTHER')),
      { startMib: 8, sizeMib: 20, type: 'E' },
      partition(9, makeExt4(4, 'resin-state'), '83'),
      partition(16, fat('balena-boot')),
    ]);
    await expectFound(disk, 'balena-boot', 'partition 6 (balena-boot)');
  });

  it('of an installer is the outer one, whatever case its label has', async () => {
    const disk = makeDisk('gpt', 24, [
      { ...partition(1, fat('FLASH-BOOT'), 'U') },
      partition(8, makeExt4(8, 'flash-rootA'), 'L'),
    ]);
    await expectFound(disk, 'FLASH-BOOT', 'partition 1 (FLASH-BOOT)');
  });

  it('is found by the name in the GPT when the file system has none', async () => {
    const disk = makeDisk('gpt', 24, [
      partition(1, fat('EFI'), 'U'),
      { ...partition(8, fat('NO NAME'), 'U'), name: 'resin-boot' },
    ]);
    expect((await find(disk)).description).toContain('partition 2');
  });

  it('is found by device-type.json when nothing has a name', async () => {
    const disk = makeDisk('dos', 24, [
      partition(1, fat('ONE')),
      partition(8, fat('TWO', VOLUMES.fat16, { '/device-type.json': '{}' })),
    ]);
    await expectFound(disk, 'TWO', 'partition 2 (TWO)');
  });

  it('is the first one when nothing else tells', async () => {
    await expectFound(
      makeDisk('dos', 24, [partition(1, fat('ONE')), partition(8, fat('TWO'))]),
      'ONE',
      'partition 1 (ONE)',
    );
  });

  it('may be all there is: a bare FAT volume', () =>
    expectFound(fat('resin-boot'), 'resin-boot', 'the FAT volume'));
});

describe('a medium without a boot partition', () => {
  const refusal = (bytes: Buffer): Promise<RdtError> =>
    find(bytes).then(
      () => Promise.reject(new Error('found one')),
      (error: unknown) => (error instanceof RdtError ? error : Promise.reject(error as Error)),
    );

  it('is refused with a list of what is there', async () => {
    const disk = makeDisk('dos', 24, [partition(1, makeExt4(4, 'data'), '83'), partition(8, fat('PHOTOS'))]);
    const { message, hint } = await refusal(disk);
    expect(message).toBe('there is no boot partition here');
    expect(hint).toContain('1: type 0x83, 4.0 MiB, no FAT file system');
    expect(hint).toContain('2: type 0x0c, 4.0 MiB, FAT "PHOTOS"');
  });

  it('is refused by name when its table is empty, as for the Intel Edison', async () => {
    const disk = Buffer.alloc(1 << 20);
    disk.writeUInt16LE(0xaa55, 510);
    expect((await refusal(disk)).hint).toContain('Edison');
  });

  it('is refused when it is cut off before the boot partition ends', async () => {
    const disk = makeDisk('dos', 24, [partition(1, fat('resin-boot'))]).subarray(0, 3 << 20);
    expect((await refusal(disk)).hint).toContain('reaches beyond the end: the image is cut off');
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['a text', Buffer.from('text\n'.repeat(500))],
  ])('is refused when it is %s', async (_, bytes) => {
    expect((await refusal(bytes)).message).toContain('no partition table');
  });
});

it('a label cannot steer the terminal from the list of what was found', async () => {
  const hostile = Buffer.from(fat('OTHER').toString('latin1').replaceAll('OTHER', '\x1b[2JX'), 'latin1');
  const disk = makeDisk('dos', 24, [partition(1, makeExt4(4, 'root'), '83'), partition(8, hostile)]);
  const refusal = await find(disk).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(RdtError);
  expect((refusal as RdtError).hint).toContain('\\u{1b}[2JX');
});
