import { renameSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { WatchedFolder } from './watched-folder.js';

describe('LocalFolder', () => {
  it('gives the whole folder at first', async () => {
    await using watched = await WatchedFolder.open({
      'a.txt': '1',
      'b/c.txt': '2',
      'node_modules/x.js': '3',
    });
    expect([...(await watched.tree()).keys()]).toEqual(['a.txt', 'b', 'b/c.txt']);
  });

  it('gives the same object when nothing differs', async () => {
    await using watched = await WatchedFolder.open({ 'a.txt': '1' });
    const tree = await watched.tree();
    watched.write('a.txt', '1');
    expect(await watched.next()).toBe(tree);
  });

  it('finds a changed file, and shares the entries of the others', async () => {
    await using watched = await WatchedFolder.open({ 'a.txt': '1', 'b.txt': '1' });
    const before = await watched.tree();
    watched.write('a.txt', '2');
    const after = await watched.next();
    expect(after.get('a.txt')).not.toEqual(before.get('a.txt'));
    expect(after.get('b.txt')).toBe(before.get('b.txt'));
  });

  it('finds what is in a new folder, and what changes in it afterwards', async () => {
    await using watched = await WatchedFolder.open();
    await watched.tree();
    watched.write('new/deep/a.txt', '1');
    expect([...(await watched.next()).keys()]).toEqual(['new', 'new/deep', 'new/deep/a.txt']);
    watched.write('new/deep/b.txt', '1');
    expect((await watched.next()).has('new/deep/b.txt')).toBe(true);
  });

  it('finds renamed and deleted folders with all that was in them', async () => {
    await using watched = await WatchedFolder.open({ 'a/x/1': '1', 'b/2': '2' });
    await watched.tree();
    renameSync(watched.path('a'), watched.path('c'));
    rmSync(watched.path('b'), { recursive: true });
    expect([...(await watched.next()).keys()]).toEqual(['c', 'c/x', 'c/x/1']);
  });
});
