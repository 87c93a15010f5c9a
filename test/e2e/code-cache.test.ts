import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rdt, type RdtResult } from './rdt.js';

let rdt: Rdt;
beforeEach(() => {
  rdt = new Rdt();
});
afterEach(() => rdt[Symbol.dispose]());

const folder = (): string => join(rdt.home, 'cache', 'rdt');
const help = (env: Record<string, string> = {}): Promise<RdtResult> =>
  rdt.run(['push', '--help'], { env: { XDG_CACHE_HOME: join(rdt.home, 'cache'), ...env } });

/** The one cache file that there is after a run. */
function cacheFile(): string {
  const [bundle] = readdirSync(folder());
  return join(folder(), bundle ?? '', 'push');
}

describe('the code cache', () => {
  it('is kept for the user alone, and grows with the first runs only', async () => {
    const first = await help();
    expect(first.exitCode).toBe(0);
    expect(statSync(cacheFile()).mode & 0o777).toBe(0o600);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    for (let run = 2; run <= 9; run++) expect((await help()).stdout).toBe(first.stdout);
    const full = readFileSync(cacheFile());
    await help();
    expect(readFileSync(cacheFile()).equals(full)).toBe(true);
  });

  it('that is damaged costs time only, and is made anew', async () => {
    const { stdout } = await help();
    const size = statSync(cacheFile()).size;
    writeFileSync(cacheFile(), 'no cache');
    expect(await help()).toMatchObject({ exitCode: 0, stdout, stderr: '' });
    expect(statSync(cacheFile()).size).toBeGreaterThan(size / 2);
  });

  it('that others could have written to is not read', async () => {
    await help();
    const before = readFileSync(cacheFile());
    chmodSync(cacheFile(), 0o666);
    expect((await help()).exitCode).toBe(0);
    expect(statSync(cacheFile()).mode & 0o777).toBe(0o600);
    expect(readFileSync(cacheFile())[0]).toBe(before[0]);
  });

  it('is done without where it cannot be kept, or is not wanted', async () => {
    expect(await help({ XDG_CACHE_HOME: '/proc/nowhere' })).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await help({ NODE_DISABLE_COMPILE_CACHE: '1' })).toMatchObject({ exitCode: 0, stderr: '' });
    expect(existsSync(folder())).toBe(false);
  });
});
