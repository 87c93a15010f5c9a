import { describe, expect, it } from 'vitest';
import { extract, type Header } from 'tar-stream';
import type { ContextEntry } from '../../../src/build/context/context-entry.js';
import { contextHeader } from '../../../src/build/context/context-header.js';
import { TAR_END } from '../../../src/tar/tar-header.js';

const file = (change: Partial<ContextEntry> = {}): ContextEntry =>
  ({
    type: 'file',
    path: 'a',
    rawPath: undefined,
    mode: 0o644,
    mtimeSeconds: 1e9,
    sizeBytes: 0,
    ...change,
  }) as ContextEntry;

/** Read by a library that knows nothing of our writer. */
async function readBack(entry: ContextEntry, sizeBytes = 0): Promise<Header> {
  const reader = extract();
  reader.write(contextHeader(entry, sizeBytes));
  if (sizeBytes === 0) reader.end(TAR_END);
  return new Promise((resolve, reject) => {
    reader.on('entry', (header) => {
      resolve(header);
      reader.destroy();
    });
    reader.on('error', reject);
  });
}

describe('a tar header', () => {
  it('keeps name, mode with setuid, and time, and belongs to root', async () => {
    const header = await readBack(file({ path: 'dir/a.txt', mode: 0o4755, mtimeSeconds: 1_500_000_000 }));
    expect(header).toMatchObject({ name: 'dir/a.txt', type: 'file', mode: 0o4755, uid: 0, gid: 0 });
    expect(header.mtime).toEqual(new Date(1_500_000_000_000));
  });

  it('marks a folder by a slash', async () => {
    expect(await readBack(file({ type: 'folder', path: 'dir' }))).toMatchObject({
      name: 'dir/',
      type: 'directory',
    });
  });

  it.each(['t', 'ü', 'x'.repeat(100), 'x'.repeat(101), 'x'.repeat(4000)])(
    'keeps the link target %s',
    async (target) => {
      const header = await readBack(file({ type: 'symlink', target: Buffer.from(target) }));
      expect(header).toMatchObject({ type: 'symlink', linkname: target });
    },
  );

  it.each([
    'x'.repeat(99),
    'x'.repeat(100),
    'x'.repeat(101),
    `${'d/'.repeat(200)}${'x'.repeat(255)}`,
    'new\nline',
    'größe-€-你好',
    // The lengths at which a record's own length gets one digit more.
    ...[87, 88, 89, 90, 91, 92, 986, 987, 988, 989, 990, 991].map((length) => 'y'.repeat(length)),
  ])('keeps the name %s', async (name) => {
    expect((await readBack(file({ path: name }))).name).toBe(name);
  });

  it('keeps the bytes of a name that is no UTF-8', () => {
    const rawPath = Buffer.from([0x72, 0xff, 0xfe, 0x0a]);
    const header = contextHeader(file({ path: 'r\uFFFD\uFFFD\n', rawPath }), 0);
    expect(header.includes(Buffer.concat([Buffer.from('path='), rawPath, Buffer.from('\n')]))).toBe(true);
  });

  it.each([2 ** 33 - 1, 2 ** 33, 9e12])('keeps a size of %d bytes', async (sizeBytes) => {
    expect((await readBack(file(), sizeBytes)).size).toBe(sizeBytes);
  });

  it.each([0, 2 ** 31, 2 ** 32 + 5])('keeps a time %d s after 1970', async (mtimeSeconds) => {
    expect((await readBack(file({ mtimeSeconds }))).mtime).toEqual(new Date(mtimeSeconds * 1000));
  });

  it('writes a time before 1970 as a record', () => {
    expect(contextHeader(file({ mtimeSeconds: -86_400 }), 0).includes('mtime=-86400\n')).toBe(true);
  });
});
