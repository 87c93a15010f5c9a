import { afterAll, expect, vi } from 'vitest';
import { FatVolume } from '../../../src/image/fat/fat-volume.js';
import { FatTools, VOLUMES, type VolumeOptions } from './medium/fat-tools.js';
import { MemoryDevice } from './medium/memory-device.js';
import { FAT_PROGRAMS, withPrograms } from './medium/with-programs.js';

const { describe, it } = withPrograms(...FAT_PROGRAMS);
// The programs of Debian that judge here wait for a processor like everybody.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const tools = new FatTools();
afterAll(() => tools[Symbol.dispose]());

const now = (): Date => new Date(2024, 1, 29, 12, 34, 56);

async function open(bytes: Buffer): Promise<{ volume: FatVolume; device: MemoryDevice }> {
  const device = new MemoryDevice(bytes);
  const volume = await FatVolume.open(device, now);
  if (volume === undefined) throw new Error('no FAT volume');
  return { volume, device };
}

function expectClean(device: MemoryDevice): void {
  const { isClean, report } = tools.check(device.bytes);
  expect(report.split('\n').slice(1)).toHaveLength(2);
  expect(isClean).toBe(true);
}

const kinds: [string, VolumeOptions][] = [
  ...Object.entries(VOLUMES),
  ['fat16 with clusters of 8 sectors', { type: 16, sizeBytes: 40 << 20, sectorsPerCluster: 8 }],
  [
    'fat16 with sectors of 4096 bytes',
    { type: 16, sizeBytes: 40 << 20, sectorBytes: 4096, sectorsPerCluster: 1 },
  ],
];

describe.each(kinds)('a %s volume', (_, options) => {
  it('reads what mtools wrote', async () => {
    const big = Buffer.alloc(70_000, 'x');
    const { volume } = await open(
      tools.make(options, {
        '/config.json': '{"a":1}',
        '/system-connections/resin-sample.ignore': '[connection]',
        '/Ünïcode – 長い名前.txt': 'utf8',
        '/big': big,
      }),
    );
    expect(await volume.label()).toBe('resin-boot');
    expect(await volume.read('/CONFIG.JSON')).toEqual(Buffer.from('{"a":1}'));
    expect(await volume.read('/system-connections/resin-sample.ignore')).toEqual(Buffer.from('[connection]'));
    expect(await volume.read('/Ünïcode – 長い名前.txt')).toEqual(Buffer.from('utf8'));
    expect(await volume.read('/big')).toEqual(big);
    expect(await volume.read('/missing/deep')).toBeUndefined();
    expect(await volume.list('/system-connections')).toEqual([
      { name: 'resin-sample.ignore', kind: 'file', sizeBytes: 12 },
    ]);
    expect(await volume.list('/missing')).toBeUndefined();
  });

  it('writes what mtools reads, and fsck finds it clean after every change', async () => {
    const { volume, device } = await open(
      tools.make(options, { '/config.json': 'old', '/keep.txt': 'keep' }),
    );
    const long = Buffer.alloc(50_000, 'new content ');
    await volume.replace('/config.json', long);
    expect(tools.type(device.bytes, '/config.json')).toEqual(long);
    expectClean(device);
    await volume.replace('/system-connections/resin-wifi', Buffer.from('[wifi]'));
    await volume.replace('/Ünïcode – 長い名前.conf', Buffer.from('utf8'));
    expect(tools.type(device.bytes, '/system-connections/resin-wifi')).toEqual(Buffer.from('[wifi]'));
    expectClean(device);
    await volume.rename('/config.json', '/configuration of the device.json');
    await volume.rename('/system-connections/resin-wifi', '/moved');
    expect(tools.type(device.bytes, '/configuration of the device.json')).toEqual(long);
    expect(tools.type(device.bytes, '/moved')).toEqual(Buffer.from('[wifi]'));
    expectClean(device);
    await volume.remove('/configuration of the device.json');
    await volume.remove('/moved');
    await volume.makeDirectory('/a/b/c');
    await volume.replace('/a/b/c/EMPTY', Buffer.alloc(0));
    expectClean(device);
    const names = ['a/', 'keep.txt', 'system-connections/', 'Ünïcode – 長い名前.conf'];
    expect(tools.names(device.bytes).sort()).toEqual(names);
    expect(tools.type(device.bytes, '/a/b/c/EMPTY')).toEqual(Buffer.alloc(0));
    expect(tools.type(device.bytes, '/keep.txt')).toEqual(Buffer.from('keep'));
  });

  it('lets a directory grow, and reuses the room of removed names', async () => {
    const { volume, device } = await open(tools.make(options));
    const names = Array.from(
      { length: 60 },
      (_, index) => `/many/a rather long file name, number ${index}.txt`,
    );
    for (const name of names) await volume.replace(name, Buffer.from(name));
    expectClean(device);
    for (const name of names) expect(await volume.read(name)).toEqual(Buffer.from(name));
    expect(tools.type(device.bytes, names[59] ?? '')).toEqual(Buffer.from(names[59] ?? ''));
    for (const name of names) await volume.remove(name);
    await volume.remove('/many');
    expect(await volume.list('/')).toEqual([]);
    expectClean(device);
  });

  it('writes nothing when the content is the same', async () => {
    const { volume, device } = await open(tools.make(options, { '/config.json': 'same' }));
    await volume.replace('/config.json', Buffer.from('same'));
    expect(device.writes).toEqual([]);
  });

  it('keeps the old file whole when it is full', async () => {
    const { volume, device } = await open(tools.make(options, { '/config.json': 'old' }));
    const before = Buffer.from(device.bytes);
    const tooMuch = Buffer.alloc(options.sizeBytes);
    await expect(volume.replace('/config.json', tooMuch)).rejects.toThrow('the boot partition is full');
    await expect(volume.replace('/new', tooMuch)).rejects.toThrow('the boot partition is full');
    expect(device.bytes.equals(before)).toBe(true);
    await volume.replace('/config.json', Buffer.from('goes on'));
    expectClean(device);
  });
});

it('reads back names outside of the basic plane, which mtools cannot show', async () => {
  const { volume } = await open(tools.make(VOLUMES.fat16));
  await volume.replace('/😀 café.txt', Buffer.from('x'));
  expect(await volume.read('/😀 CAFÉ.txt')).toEqual(Buffer.from('x'));
});

it('refuses a new name in a full root directory of FAT16', async () => {
  const files = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`/F${index}`, 'x']));
  const { volume, device } = await open(tools.make({ ...VOLUMES.fat16, rootEntries: 16 }, files));
  await expect(volume.replace('/ONE', Buffer.from('1'))).rejects.toThrow(
    'root directory of the boot partition is full',
  );
  expect(device.writes).toEqual([]);
});

it('keeps the attributes of a file it replaces', async () => {
  const bytes = tools.make(VOLUMES.fat16, { '/config.json': 'old' });
  const { volume, device } = await open(bytes);
  const at = device.bytes.indexOf('CONFIG~1JSO');
  const attributes = at === -1 ? device.bytes.indexOf('CONFIG  JSO') : at;
  device.bytes[attributes + 11] = 0x27;
  await volume.replace('/config.json', Buffer.from('new'));
  expect(device.bytes[attributes + 11]).toBe(0x27);
});

it('makes short names that are unique', async () => {
  const { volume, device } = await open(tools.make(VOLUMES.fat16));
  for (let index = 0; index < 15; index++) {
    await volume.replace(`/network manager ${index}.connection`, Buffer.from(`${index}`));
  }
  for (let index = 0; index < 15; index++) {
    expect(tools.type(device.bytes, `/network manager ${index}.connection`)).toEqual(Buffer.from(`${index}`));
  }
  expectClean(device);
});

it.each(['a:b', 'end.', 'end ', 'x'.repeat(256), 'tab\t'])('refuses the name %j', async (name) => {
  const { volume, device } = await open(tools.make(VOLUMES.fat16));
  await expect(volume.replace(`/${name}`, Buffer.from('x'))).rejects.toThrow('cannot be the name');
  expect(device.writes).toEqual([]);
});

it('clears what an old system left behind the end of a directory before it moves the end', async () => {
  const bytes = tools.make(VOLUMES.fat16, { '/config.json': 'old' });
  const entry =
    bytes.indexOf('CONFIG~1JSO') === -1 ? bytes.indexOf('CONFIG  JSO') : bytes.indexOf('CONFIG~1JSO');
  const behind = entry + 64;
  bytes.write('GHOST   TXT\x20', behind, 'latin1');
  bytes.write('GHOST2  TXT\x20', Math.ceil(behind / 512) * 512, 'latin1');
  const { volume, device } = await open(bytes);
  await volume.replace('/a new file with a name of many, many, many letters', Buffer.from('new'));
  await volume.replace(
    '/another file with a name of many, many, many letters, so that a sector is full',
    Buffer.from('new'),
  );
  await volume.replace(
    '/a third file with a name of many, many, many letters, so that a sector is full',
    Buffer.from('new'),
  );
  expect((await volume.list('/'))?.map((file) => file.name)).not.toContain('GHOST.TXT');
  expect((await volume.list('/'))?.map((file) => file.name)).not.toContain('GHOST2.TXT');
  expectClean(device);
});

describe('a damaged volume', () => {
  /** Where the FAT of VOLUMES.fat16 begins: mkfs.vfat reserves one cluster-aligned sector count. */
  const fatOffset = (bytes: Buffer): number => bytes.readUInt16LE(14) * bytes.readUInt16LE(11);

  it.each([
    ['a file that runs in a circle', 'runs in a circle|shares its clusters', 3, 3],
    ['two files that share clusters', 'shares its clusters', 2, 4],
    ['a file that runs into free space', 'marked free', 2, 0x300],
    ['a file that runs out of the volume', 'leads outside', 2, 0xfff0],
  ])('with %s is refused before anything is written', async (_, message, cluster, value) => {
    const bytes = tools.make(VOLUMES.fat16, { '/a': Buffer.alloc(1024, 'a'), '/b': Buffer.alloc(1024, 'b') });
    bytes.writeUInt16LE(value, fatOffset(bytes) + cluster * 2);
    const { volume, device } = await open(bytes);
    await expect(volume.replace('/new', Buffer.from('x'))).rejects.toThrow(new RegExp(message));
    expect(device.writes).toEqual([]);
  });
});

it('reads no file into memory that is too large for settings', async () => {
  const device = new MemoryDevice(tools.make(VOLUMES.fat32, { '/config.json': Buffer.alloc(17 << 20) }));
  const volume = await FatVolume.open(device, () => new Date());
  const reading = volume?.read('/config.json').then((bytes) => bytes?.length);
  await expect(reading).rejects.toThrow('too large to be a file of settings');
});
