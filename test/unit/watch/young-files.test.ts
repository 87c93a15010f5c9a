import { appendFileSync, rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Hint, OpenWatcher } from '../../../src/watch/watcher.js';
import { never, WatchedFolder } from './watched-folder.js';

const WITHIN_MS = 5_000;

/** Hears what it is told, as of a file that is written through a mapping. */
function told(): { openWatcher: OpenWatcher; tell: (hint: Hint) => void } {
  let hear: (hint: Hint) => void = () => undefined;
  const openWatcher: OpenWatcher = (options) => {
    hear = (hint) => options.onHint(hint);
    return Promise.resolve({
      description: 'what it is told',
      enter: () => undefined,
      leave: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  };
  return { openWatcher, tell: (hint) => hear(hint) };
}

const nextBatch = (watched: WatchedFolder, withinMs: number) =>
  watched.folder.nextBatch(AbortSignal.timeout(withinMs));

it.each(['file', 'folder/file'])(
  'a change of %s that no event tells of is found soon after one that was heard of',
  async (path) => {
    const { openWatcher, tell } = told();
    await using watched = await WatchedFolder.open({ [path]: 'one' }, { openWatcher });
    const folder = path === 'file' ? '' : 'folder';
    watched.write(path, 'two');
    tell({ kind: 'folder', path: folder, name: 'file' });
    await watched.folder.nextBatch(never());
    await watched.tree();
    for (const content of [', three', ', four']) {
      appendFileSync(watched.path(path), content);
      await nextBatch(watched, WITHIN_MS);
    }
    expect((await watched.tree()).get(path)).toMatchObject({ sizeBytes: 'two, three, four'.length });
  },
);

it('a file that stays as it is makes no further batch, nor one that has gone', async () => {
  const { openWatcher, tell } = told();
  await using watched = await WatchedFolder.open({ stays: 'one', goes: 'one' }, { openWatcher });
  watched.write('stays', 'two');
  rmSync(watched.path('goes'));
  for (const name of ['stays', 'goes']) tell({ kind: 'folder', path: '', name });
  await watched.folder.nextBatch(never());
  await expect(nextBatch(watched, WITHIN_MS)).rejects.toThrow(/timeout/);
}, 10_000);
