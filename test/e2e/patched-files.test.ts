import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RdtError } from '../../src/errors.js';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { ChannelRig } from './channel-rig.js';

const MEGABYTE = 1 << 20;
let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({
    name: 'patched-files',
    announce: false,
    images: ['busybox', 'gnu', 'scratch-app'],
    diskMegabytes: 160,
  });
});
afterAll(() => device.down());

/** Writes into a file here, in place. */
function edit(rig: ChannelRig, path: string, at: number, bytes: Buffer): void {
  const file = openSync(rig.folder.path(path), 'r+');
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

/** How many bytes of content a commit sent; after it the container has to hold what the folder holds. */
async function sentBytes(rig: ChannelRig): Promise<number> {
  const outcome = await rig.folder.commit();
  if (outcome.kind !== 'committed') throw new Error(outcome.reason);
  await rig.folder.expectInStep();
  return outcome.packed.contentBytes;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Reads the file again and again, as it is found under its name, and says what it read. The last time when all has arrived. */
const READER = `
exec 2>&1
while true; do
  if [ -e /stop ]; then last=yes; fi
  said=$(sha256sum /usr/src/app/large)
  echo "\${said%% *}"
  if [ "$last" ]; then exit; fi
done
`;

describe.each(['busybox', 'gnu'])('a change of a large file in %s', (image) => {
  let rig: ChannelRig;
  const content = randomBytes(12 * MEGABYTE);

  beforeEach(async ({ onTestFinished }) => {
    rig = await ChannelRig.start(device, `patched-${image}`, image);
    onTestFinished(() => rig[Symbol.asyncDispose]());
    rig.folder.write('large', content, 0o640);
    await rig.folder.sync();
  });

  it('sends what is new of it, and keeps mode, owner and time', async () => {
    edit(rig, 'large', 5 * MEGABYTE, randomBytes(1_000));
    expect(await sentBytes(rig)).toBeLessThanOrEqual(8 << 10);
    edit(rig, 'large', 0, randomBytes(1));
    edit(rig, 'large', content.length - 1, randomBytes(1));
    expect(await sentBytes(rig)).toBeLessThanOrEqual(8 << 10);
  });

  it('never shows half of it, nor none, to a reader in the container', { timeout: 240_000 }, async () => {
    const reader = spawn('docker', [
      '-H',
      `unix://${device.engineDoor}`,
      'exec',
      rig.name,
      'sh',
      '-c',
      READER,
    ]);
    const reads = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
    const generations = [sha256(readFileSync(rig.folder.path('large')))];
    const seen: unknown[] = [(await reads.next()).value];
    for (let generation = 1; generation <= 20; generation++) {
      for (let part = 0; part < 12; part++)
        edit(rig, 'large', part * MEGABYTE, Buffer.from(`generation ${generation}`));
      generations.push(sha256(readFileSync(rig.folder.path('large'))));
      const outcome = await rig.folder.commit();
      expect(outcome).toMatchObject({ packed: { contentBytes: 12 * (4 << 10) } });
      seen.push((await reads.next()).value);
    }
    await rig.exec('sh', '-c', ': >/stop');
    for await (const read of { [Symbol.asyncIterator]: () => reads }) seen.push(read);
    expect(seen.filter((read) => !generations.includes(String(read)))).toEqual([]);
    expect(seen.at(-1)).toBe(generations.at(-1));
    await rig.folder.expectInStep();
  });

  it('is right for any changes at any places', async () => {
    for (let round = 0; round < 12; round++) {
      for (let n = 0; n <= round; n++) {
        const at = (randomBytes(4).readUInt32LE() + n) % (content.length - 100_000);
        edit(rig, 'large', at, randomBytes(1 + ((n * 9_001) % 90_000)));
      }
      rig.folder.write('beside', `${round}`);
      await sentBytes(rig);
    }
  });

  it('sends little of one that has grown, or is shorter', async () => {
    edit(rig, 'large', content.length, randomBytes(70_000));
    expect(await sentBytes(rig)).toBeLessThan(82_000);
    truncateSync(rig.folder.path('large'), 11 * MEGABYTE + 123);
    expect(await sentBytes(rig)).toBeLessThanOrEqual(4 << 10);
    truncateSync(rig.folder.path('large'), 10 * MEGABYTE);
    expect(await sentBytes(rig)).toBe(0);
    truncateSync(rig.folder.path('large'), 1_000);
    await sentBytes(rig);
  });

  it('sends it whole where bytes were inserted', async () => {
    const cut = 100_000;
    rig.folder.write(
      'large',
      Buffer.concat([content.subarray(0, cut), Buffer.from('!'), content.subarray(cut)]),
    );
    expect(await sentBytes(rig)).toBe(content.length + 1);
  });

  it('sends nothing of it where only the mode is new', async () => {
    chmodSync(rig.folder.path('large'), 0o4711);
    expect(await sentBytes(rig)).toBe(0);
  });

  it('keeps to one that is full of holes', async () => {
    const file = openSync(rig.folder.path('sparse'), 'w');
    ftruncateSync(file, 20 * MEGABYTE);
    await sentBytes(rig);
    writeSync(file, 'x', 15 * MEGABYTE);
    closeSync(file);
    expect(await sentBytes(rig)).toBeLessThanOrEqual(4 << 10);
  });

  it('sends it whole where the app has written into it, also in the same second and at the same length', async () => {
    const poke = 'printf X | dd of=large bs=1 seek=7000000 conv=notrunc 2>/dev/null';
    await rig.exec('sh', '-c', poke);
    edit(rig, 'large', 0, randomBytes(10));
    expect(await sentBytes(rig)).toBe(content.length);
    await rig.exec('sh', '-c', 'rm large; ln -s /etc/passwd large');
    edit(rig, 'large', 0, randomBytes(10));
    expect(await sentBytes(rig)).toBe(content.length);
  });

  it('leaves out one that changes while it is being sent', async () => {
    edit(rig, 'large', 0, randomBytes(10));
    const outcome = await rig.folder.commit(() => edit(rig, 'large', 5, randomBytes(10)));
    expect(outcome).toMatchObject({ packed: { changing: ['large'] } });
    const there = await rig.exec('sha256sum', 'large');
    expect(there.slice(0, 64)).toBe(createHash('sha256').update(content).digest('hex'));
    await sentBytes(rig);
  });

  it('leaves the old file where the disk is full, and nothing else', async () => {
    await device.fillDisk({ leaveBytes: 3 * MEGABYTE });
    edit(rig, 'large', 0, randomBytes(10));
    await expect(rig.folder.commit()).rejects.toThrow(/no space left on device/i);
    const there = await rig.exec('sha256sum', 'large');
    expect(there.slice(0, 64)).toBe(createHash('sha256').update(content).digest('hex'));
    expect(await rig.exec('ls', '-A')).not.toContain('.rdt-stage');
    await device.freeDisk();
    rig.folder.remembered = undefined;
    await sentBytes(rig);
  });

  it.each([500, 20_000, 64_000])(
    'leaves the old file or the new one when cut after %i bytes',
    async (bytes) => {
      edit(rig, 'large', 3_000_000, randomBytes(10));
      rig.dialer.cutAfter(bytes);
      await rig.folder.commit().catch((error: unknown) => expect(error).toBeInstanceOf(RdtError));
      rig.folder.remembered = undefined;
      await sentBytes(rig);
      const isFolder = 'if [ -d .rdt-stage ]; then echo folder; else echo none; fi';
      await eventually(async () => (await rig.exec('sh', '-c', isFolder)) === 'none', {
        what: 'taking the stage away',
        withinMs: 5_000,
      });
    },
  );
});

it('is sent whole to a container without a shell, or one that does not run', async () => {
  await using rig = await ChannelRig.start(device, 'blind', 'scratch-app');
  rig.folder.write('large', randomBytes(5 * MEGABYTE));
  await rig.folder.sync();
  edit(rig, 'large', 0, randomBytes(10));
  expect(await sentBytes(rig)).toBe(5 * MEGABYTE);
  await rig.docker('stop', '--time', '1', rig.name);
  edit(rig, 'large', 0, randomBytes(10));
  expect(await sentBytes(rig)).toBe(5 * MEGABYTE);
});
