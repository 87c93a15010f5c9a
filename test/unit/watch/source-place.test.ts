import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canMount, mount, unmount } from './bind-mount.js';
import { sameTree } from './same-tree.js';
import { never, WatchedFolder } from './watched-folder.js';
import { WatchedLoop } from './watched-loop.js';

const FILES = { Dockerfile: 'FROM busybox\n', 'a.txt': 'a', 'sub/b.txt': 'b' };

let outer: string;
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'rdt-place-'));
  for (const folder of ['parent/app', 'drive']) mkdirSync(join(outer, folder), { recursive: true });
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

const source = (): string => join(outer, 'parent/app');
const drive = (): string => join(outer, 'drive');

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** As `git worktree` or a backup does: what was watched lives on under another name. */
function replaceParent(): void {
  renameSync(join(outer, 'parent'), join(outer, 'old'));
  cpSync(join(outer, 'old'), join(outer, 'parent'), { recursive: true, preserveTimestamps: true });
}

function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
}

// Windows keeps the names of all that is above a folder that is watched.
describe.skipIf(process.platform === 'win32')('a watched folder', () => {
  it('is followed when the folder above it is replaced, of which no event tells', async () => {
    await using watched = await WatchedFolder.open(FILES, { from: source() });
    await watched.tree();
    replaceParent();
    watched.write('sub/new', '1');
    watched.folder.glance();
    sameTree(await watched.next(), await watched.walked());
    watched.write('sub/b.txt', 'edited');
    sameTree(await watched.next(), await watched.walked());
  });

  it('is followed by a look that somebody else has called for', async () => {
    await using watched = await WatchedFolder.open(FILES, { from: source() });
    await watched.tree();
    const edition = await watched.folder.edition(never());
    replaceParent();
    expect(await watched.folder.edition(never())).not.toBe(edition);
    watched.write('sub/b.txt', 'edited');
    sameTree(await watched.next(), await watched.walked());
  });

  it('is no other one as long as nothing is replaced', async () => {
    await using watched = await WatchedFolder.open(FILES, { from: source() });
    const tree = await watched.tree();
    const edition = await watched.folder.edition(never());
    watched.folder.glance();
    const quiet = new AbortController();
    const next = watched.folder.nextBatch(quiet.signal);
    expect(await Promise.race([next, sleep(100, 'silent')])).toBe('silent');
    quiet.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    expect(await watched.folder.edition(never())).toBe(edition);
    expect(await watched.tree()).toBe(tree);
  });

  it('is an error when all of a sudden nothing is in it, and not an empty tree', async () => {
    await using watched = await WatchedFolder.open(FILES, { from: source() });
    const tree = await watched.tree();
    empty(source());
    await expect(watched.next()).rejects.toThrow(`there is nothing in ${source()} any more`);
    await expect(watched.tree()).rejects.toThrow(`there is nothing in ${source()} any more`);
    write(source(), FILES);
    sameTree(await watched.tree(), tree);
  });

  it('may be empty from the first', async () => {
    await using watched = await WatchedFolder.open({}, { from: source() });
    expect((await watched.tree()).size).toBe(0);
    watched.write('a', '1');
    expect([...(await watched.next()).keys()]).toEqual(['a']);
  });

  it('may come to hold nothing but what is ignored', async () => {
    await using watched = await WatchedFolder.open({ '.git/HEAD': '', a: '1' }, { from: source() });
    await watched.tree();
    rmSync(watched.path('a'));
    expect((await watched.next()).size).toBe(0);
  });

  it('is an error when another one without a Dockerfile has come in its place', async () => {
    await using watched = await WatchedFolder.open(FILES, { from: source() });
    const tree = await watched.tree();
    renameSync(join(outer, 'parent'), join(outer, 'old'));
    write(source(), { 'lost+found/file': '' });
    await expect(watched.tree()).rejects.toThrow(`${source()} is another folder now, without a Dockerfile`);
    await expect(watched.tree()).rejects.toThrow('without a Dockerfile');
    rmSync(join(outer, 'parent'), { recursive: true });
    renameSync(join(outer, 'old'), join(outer, 'parent'));
    sameTree(await watched.tree(), tree);
  });

  it('may lose its Dockerfile', async () => {
    await using watched = await WatchedFolder.open(FILES, { from: source() });
    await watched.tree();
    rmSync(watched.path('Dockerfile'));
    sameTree(await watched.next(), await watched.walked());
  });

  it.runIf(canMount)('is an error while it is not mounted, and then as it was', async () => {
    await using watched = await WatchedFolder.open({}, { from: source() });
    write(drive(), FILES);
    mount(drive(), source());
    try {
      await watched.reopen();
      const tree = await watched.tree();
      unmount(source());
      watched.folder.glance();
      await expect(watched.next()).rejects.toThrow('there is nothing in');
      mount(drive(), source());
      watched.folder.glance();
      sameTree(await watched.next(), tree);
      watched.write('sub/new', '1');
      sameTree(await watched.next(), await watched.walked());
    } finally {
      unmount(source());
    }
  });
});

describe.skipIf(process.platform === 'win32')('an app', () => {
  it('is in step within two seconds when the folder above its own is replaced', async () => {
    await using loop = new WatchedLoop([], source());
    await loop.begin();
    const { batch } = await loop.andThen('batch', () => {
      replaceParent();
      loop.write('a.txt', 'b');
    });
    expect(batch).toMatchObject({ files: 1, deleted: 0 });
    await loop.andThen('batch', () => loop.write('new', '1'));
    const { summary } = await loop.andThen('synced', () =>
      loop.write('Dockerfile', 'FROM busybox\nRUN true\n'),
    );
    expect(summary).toMatchObject({ deleted: 0 });
    expect(loop.deployed('new')).toBe('1');
  }, 20_000);

  it.runIf(canMount)(
    'keeps all of its files while its folder is not mounted, and is in step again by itself',
    async () => {
      await using loop = new WatchedLoop([], source());
      cpSync(source(), drive(), { recursive: true });
      empty(source());
      mount(drive(), source());
      try {
        await loop.begin();
        const after = loop.events.length;
        const { message, hint } = await loop.andThen('batch-failed', () => unmount(source()));
        expect({ message, hint }).toEqual({
          message: `there is nothing in ${source()} any more`,
          hint: 'Nothing was deleted from the app. rdt goes on by itself when the folder is back: was it unmounted?',
        });
        await sleep(2_500);
        expect(loop.deployed('a.txt')).toBe('a');
        write(drive(), { 'a.txt': 'b' });
        await loop.andThen('done', () => mount(drive(), source()));
        expect(loop.deployed('a.txt')).toBe('b');
        await loop.andThen('batch', () => loop.write('c.txt', 'c'));
        await sleep(2_500);
        const events = loop.events.slice(after);
        expect(events.filter(({ type }) => type === 'batch-failed')).toHaveLength(1);
        expect(loop.builder.requests).toEqual([]);
      } finally {
        unmount(source());
      }
    },
    30_000,
  );

  it('keeps all of its files when its folder is emptied, and is in step again when that is filled', async () => {
    await using loop = new WatchedLoop([], source());
    await loop.begin();
    await loop.andThen('batch-failed', () => empty(source()));
    await loop.andThen('done', () => write(source(), { Dockerfile: 'FROM busybox\n', 'a.txt': 'b' }));
    expect(loop.deployed('a.txt')).toBe('b');
    expect(loop.events.filter(({ type }) => type === 'batch-failed')).toHaveLength(1);
    expect(loop.builder.requests).toEqual([]);
  }, 20_000);
});
