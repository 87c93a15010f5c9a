import { afterAll, describe, expect, it } from 'vitest';
import type { Drive } from '../../../src/image/flash-drive.js';
import { LinuxDriveCatalog } from '../../../src/image/drive/linux-catalog.js';
import { PackedFiles } from './packed-files.js';

const files = new PackedFiles();
afterAll(() => files[Symbol.dispose]());

const find = (name: string): Promise<Drive> =>
  new LinuxDriveCatalog(files.folder).find(name, new AbortController().signal);

describe('a name that is typed', () => {
  it.each(['sdzzz', 'sdzzz1', 'mmcblk97', 'nvme9n97p1'])(
    'of a drive that is not plugged in is refused, and makes no file: %s',
    async (name) => {
      await expect(find(name)).rejects.toThrow(`there is no drive or file /dev/${name}`);
    },
  );

  it.each(['card.img', 'card', './sdzzz'])('is a new file otherwise: %s', async (name) => {
    expect(await find(name)).toMatchObject({ kind: 'file', sizeBytes: 0 });
  });
});
