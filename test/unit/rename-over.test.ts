import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renameOver } from '../../src/rename-over.js';

describe('a file that takes the name of another', () => {
  let folder: string;
  let tries: number;
  const path = (name: string): string => join(folder, name);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rdt-rename-'));
    tries = 0;
    writeFileSync(path('old'), 'old');
    writeFileSync(path('new'), 'new');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** As the system is for the first `refusals` tries. */
  const refusing =
    (code: string, refusals: number): typeof rename =>
    (from, to) =>
      ++tries > refusals ? rename(from, to) : Promise.reject(Object.assign(new Error(code), { code }));

  it('replaces it', async () => {
    await renameOver(path('new'), path('old'));
    expect(readdirSync(folder)).toEqual(['old']);
    expect(readFileSync(path('old'), 'utf8')).toBe('new');
  });

  it.each(['EACCES', 'EBUSY', 'EPERM'])('waits while Windows says that it is in use (%s)', async (code) => {
    await renameOver(path('new'), path('old'), refusing(code, 2));
    expect(readFileSync(path('old'), 'utf8')).toBe('new');
  });

  it('fails when it stays in use', async () => {
    await expect(renameOver(path('new'), path('old'), refusing('EPERM', 100))).rejects.toThrow('EPERM');
    expect(tries).toBeLessThan(10);
    expect(readFileSync(path('old'), 'utf8')).toBe('old');
  });

  it('fails at once for any other reason', async () => {
    await expect(renameOver(path('new'), path('old'), refusing('ENOSPC', 100))).rejects.toThrow('ENOSPC');
    expect(tries).toBe(1);
  });
});
