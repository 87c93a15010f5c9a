import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { DrivelistCatalog, type ListedDrive } from '../../../src/image/drive/drivelist-catalog.js';
import { EtcherAccess, type EtcherBlockDevice } from '../../../src/image/drive/etcher-access.js';

const listed = (device: string, changes: Partial<ListedDrive> = {}): ListedDrive => ({
  device,
  raw: device.replace('disk', 'rdisk'),
  devicePath: 'IODeviceTree:/x',
  description: 'SD Card Reader',
  busType: 'USB',
  size: 32e9,
  isSystem: false,
  isVirtual: false,
  isRemovable: true,
  isReadOnly: false,
  mountpoints: [{ path: `/Volumes/${device.slice(-1)}`, label: 'resin-boot' }],
  ...changes,
});

const MAC = [
  listed('/dev/disk0', { isSystem: true, isRemovable: false }),
  listed('/dev/disk1', { isVirtual: true }),
  listed('/dev/disk2'),
  listed('/dev/disk3', { isReadOnly: true }),
];

class FakeBlockDevice implements EtcherBlockDevice {
  readonly medium = Buffer.alloc(4096);
  readonly calls: string[] = [];
  readonly fileHandle = {
    sync: () =>
      Promise.reject(Object.assign(new Error('raw devices have nothing to flush'), { code: 'ENOTTY' })),
  };

  open(): Promise<void> {
    this.calls.push('open');
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.calls.push('close');
    return Promise.resolve();
  }

  read(target: Buffer, at: number, length: number, offset: number): Promise<{ bytesRead: number }> {
    return Promise.resolve({ bytesRead: this.medium.copy(target, at, offset, offset + length) });
  }

  write(data: Buffer, at: number, length: number, offset: number): Promise<{ bytesWritten: number }> {
    return Promise.resolve({ bytesWritten: data.copy(this.medium, offset, at, at + length) });
  }
}

describe('drives of macOS and Windows', () => {
  const catalog = new DrivelistCatalog('/', () => Promise.resolve(MAC));

  it('are offered unless they are of the system, virtual or read-only', async () => {
    expect((await catalog.list()).map(({ path }) => path)).toEqual(['/dev/disk2']);
  });

  it('are found by either of their names, refused ones too', async () => {
    expect(await catalog.find('/dev/rdisk2')).toMatchObject({
      path: '/dev/disk2',
      bus: 'usb',
      refusal: undefined,
    });
    expect(await catalog.find('/dev/disk0')).toMatchObject({ refusal: 'it carries the running system' });
    await expect(catalog.find('/dev/disk9')).rejects.toThrow(/there is no drive or file/);
  });

  it('are opened by etcher-sdk, written, read back, and need no flush', async () => {
    const device = new FakeBlockDevice();
    const access = new EtcherAccess(catalog, () => device);
    const drive = await access.open(await catalog.find('/dev/disk2'));
    await drive.write(512, Buffer.from('hello'));
    await drive.sync();
    const back = Buffer.alloc(5);
    await drive.readInto(512, back);
    await drive.close();
    expect(back.toString()).toBe('hello');
    expect(device.calls).toEqual(['open', 'close']);
  });

  it('are not opened when another one took the name meanwhile', async () => {
    const drives = [...MAC];
    const changing = new DrivelistCatalog('/', () => Promise.resolve(drives));
    const chosen = await changing.find('/dev/disk2');
    drives[2] = listed('/dev/disk2', { description: 'My Backup' });
    const access = new EtcherAccess(changing, () => new FakeBlockDevice());
    await expect(access.open(chosen)).rejects.toThrow(/is another drive now/);
  });

  it('without the package say which to install; image files need none', async () => {
    const without = new DrivelistCatalog(tmpdir(), () =>
      Promise.reject(new RdtError('this system needs the package drivelist@12')),
    );
    await expect(without.find('/dev/disk2')).rejects.toThrow(/drivelist@12/);
    expect(await without.find('card.img')).toMatchObject({ kind: 'file', path: join(tmpdir(), 'card.img') });
  });
});
