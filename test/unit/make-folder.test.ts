import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFolder } from '../../src/make-folder.js';

let home: string;
beforeAll(() => (home = mkdtempSync(join(tmpdir(), 'rdt-folder-'))));
afterAll(() => rmSync(home, { recursive: true }));

it('makes a folder and all above it, and leaves alone what is there', async () => {
  const path = join(home, 'a/b/c');
  await makeFolder(path, 0o700);
  await makeFolder(path, 0o755);
  expect(statSync(path).isDirectory()).toBe(true);
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o700);
});

it.skipIf(!existsSync('/proc/self'))(
  'fails where nothing can be made, instead of trying for ever',
  async () => {
    await expect(makeFolder('/proc/rdt/a', 0o700)).rejects.toMatchObject({ code: 'ENOENT' });
  },
);
