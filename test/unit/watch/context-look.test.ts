import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openContext } from '../../../src/build/context/open-context.js';
import { systemClock } from '../../../src/system-clock.js';
import { ContextLook } from '../../../src/watch/context-look.js';
import { temporaryFolder } from '../build/temporary-folder.js';

const { signal } = new AbortController();

let source: string;
let look: ContextLook;
let nowMs: number;

beforeEach(async () => {
  source = temporaryFolder({
    Dockerfile: 'FROM busybox',
    '.dockerignore': 'docs',
    'dist/old': '1',
    'docs/': '',
  });
  nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  look = new ContextLook({ source, platform: process.platform, clock });
  await build();
});

async function build(): Promise<void> {
  look.begin();
  const { entries } = await openContext({ source, platform: process.platform }, () => undefined);
  look.take(entries);
}

const write = (path: string, content = ''): void => writeFileSync(join(source, path), content);

async function glance(): Promise<boolean> {
  nowMs += 1_000;
  return look.glance(signal);
}

/** As often as it takes to see that what has changed is at rest. */
async function isDue(): Promise<boolean> {
  await glance();
  await glance();
  return look.isDue;
}

describe('the context of a broken build', () => {
  it.each<[string, () => void]>([
    ['comes', () => write('dist/new')],
    ['changes and keeps its size', () => write('dist/old', '2')],
    ['goes', () => rmSync(join(source, 'dist/old'))],
    ['comes as an empty folder', () => mkdirSync(join(source, 'dist/folder'))],
    ['may be run', () => chmodSync(join(source, 'dist/old'), 0o755)],
  ])('is due when something of it %s, and told once', async (_what, change) => {
    expect(await isDue()).toBe(false);
    change();
    expect([await glance(), await glance(), await glance()]).toEqual([false, true, false]);
    expect(look.isDue).toBe(true);
    await build();
    expect(await isDue()).toBe(false);
  });

  it('is not due for what git and editors write, and what .dockerignore names', async () => {
    mkdirSync(join(source, '.git'));
    for (const path of ['.git/index', 'dist/.old.swp', 'docs/new']) write(path);
    expect(await isDue()).toBe(false);
  });

  it('is due for nothing that is still being written', async () => {
    for (let size = 1; size <= 5; size++) {
      write('dist/log', 'x'.repeat(size));
      expect(await glance()).toBe(false);
    }
    expect(await glance()).toBe(true);
  });

  it('is due ever more rarely for a file that was built in vain, and at once for another one', async () => {
    const triesOf = async (path: string, glances: number): Promise<number> => {
      let tries = 0;
      for (let n = 0; n < glances; n++) {
        if (!look.isDue) write(path, String(n));
        await glance();
        if (!(await glance())) continue;
        tries++;
        await build();
      }
      return tries;
    };
    expect(await triesOf('dist/log', 1_000)).toBeLessThanOrEqual(12);
    write('dist/new');
    expect(await isDue()).toBe(true);
  });

  it('is due at once again when the build has failed in another way', async () => {
    for (const content of ['1', '22', '333']) {
      write('dist/new', content);
      expect(await isDue()).toBe(true);
      await build();
      look.forgive();
    }
  });

  it('is due when it can be listed again', async () => {
    write('.dockerignore', '[');
    look.begin();
    expect(await isDue()).toBe(false);
    write('.dockerignore', 'docs');
    expect(await isDue()).toBe(true);
  });

  it('is not judged by a look that was older than the build', async () => {
    write('dist/new');
    await glance();
    nowMs += 1_000;
    const glancing = look.glance(signal);
    await build();
    expect(await glancing).toBe(false);
    expect(look.isDue).toBe(false);
  });
});
