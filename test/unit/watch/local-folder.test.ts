import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { differingPaths } from '../../../src/sync/layered-tree.js';
import { decodeDeployment, encodeDeployment } from '../../../src/sync/state/deployment-format.js';
import { unknownDeployment } from '../../../src/sync/deployment.js';
import type { LocalTree } from '../../../src/sync/tree.js';
import type { OpenWatcher } from '../../../src/watch/watcher.js';
import { eventually } from '../../testbed/eventually.js';
import { asNobody } from '../as-nobody.js';
import { canLink } from '../can-link.js';
import { FakeClock } from '../push/fake-clock.js';
import { sameTree } from './same-tree.js';
import { deaf, never, ofThisSystem, tellsInOrder, WatchedFolder } from './watched-folder.js';

/** As it is read again from the disk. */
function stored(tree: LocalTree): LocalTree {
  const deployment = { ...unknownDeployment('container', '/source', '/app'), tree };
  const read = decodeDeployment(Buffer.concat(encodeDeployment({ deployment, since: undefined })));
  if (read === undefined) throw new Error('a tree cannot be read again');
  return read.deployment.tree;
}

/** It has no pipes in folders, and no permission bits. */
const onWindows = process.platform === 'win32';

type Edit = readonly [string, (path: (relative: string) => string) => void];
const edit = (isPossible: boolean, ...one: Edit): readonly Edit[] => (isPossible ? [one] : []);

describe('what LocalFolder holds', () => {
  it.skipIf(onWindows)(
    'is as it was of a file that cannot be read any more, and all else goes on',
    async () => {
      await using watched = await WatchedFolder.open({ a: '1', b: '1' });
      chmodSync(watched.source, 0o755);
      const before = await watched.tree();
      chmodSync(watched.path('a'), 0);
      watched.write('b', '2');
      await watched.folder.nextBatch(never());
      const now = await asNobody(() => watched.tree());
      expect(now.get('a')).toEqual(before.get('a'));
      expect(now.get('b')).not.toEqual(before.get('b'));
      expect(watched.warnings).toEqual([expect.stringMatching(/cannot read .*a \(EACCES\); the app keeps/)]);
      chmodSync(watched.path('a'), 0o644);
      const isReadable = async (): Promise<boolean> => {
        const file = (await watched.tree()).get('a');
        return file?.kind === 'file' && file.mode === 0o644;
      };
      await eventually(isReadable, { what: 'the new mode', withinMs: 5_000 });
      sameTree(await watched.tree(), await watched.walked());
    },
  );

  it('is the whole folder at first', async () => {
    await using watched = await WatchedFolder.open({
      'a.txt': '1',
      'b/c.txt': '2',
      'node_modules/x.js': '3',
    });
    expect([...(await watched.tree()).keys()]).toEqual(['a.txt', 'b', 'b/c.txt']);
  });

  it('is the same object when nothing differs', async () => {
    await using watched = await WatchedFolder.open({ 'a.txt': '1' });
    const tree = await watched.tree();
    watched.write('a.txt', '1');
    expect(await watched.next()).toBe(tree);
  });

  it('shares the entries of files that did not change', async () => {
    await using watched = await WatchedFolder.open({ 'a.txt': '1', 'b.txt': '1', 'c/d.txt': '1' });
    const before = await watched.tree();
    watched.write('a.txt', '2');
    const after = await watched.next();
    expect(after).not.toBe(before);
    expect(before.get('a.txt')).not.toEqual(after.get('a.txt'));
    expect(after.get('b.txt')).toBe(before.get('b.txt'));
    expect(after.get('c/d.txt')).toBe(before.get('c/d.txt'));
  });

  it.skipIf(!canLink)(
    'is what is known already when nothing differs from it, and else changes of it',
    async () => {
      await using watched = await WatchedFolder.open({ 'a.txt': '1', 'b.txt': '1', 'c/d.txt': '1' });
      symlinkSync('a.txt', watched.path('link'));
      await watched.reopen();
      const known = stored(await watched.tree());
      await watched.reopen();
      expect((await watched.folder.refresh(known, never())).tree).toBe(known);
      watched.write('a.txt', 'other');
      watched.write('c/new.txt', '1');
      unlinkSync(watched.path('b.txt'));
      unlinkSync(watched.path('link'));
      symlinkSync('b.txt', watched.path('link'));
      chmodSync(watched.path('c'), 0o700);
      await watched.reopen();
      const { tree } = await watched.folder.refresh(known, never());
      expect(differingPaths(tree, known)).toEqual(['a.txt', 'b.txt', 'c', 'c/new.txt', 'link']);
      expect(new Map(tree)).toEqual(new Map(await watched.walked()));
    },
  );

  it('has the content of a file that is just being written, and an empty one that stays so', async () => {
    await using watched = await WatchedFolder.open({ 'a.txt': '1' });
    await watched.tree();
    const file = openSync(watched.path('new'), 'w');
    await watched.folder.nextBatch(never());
    writeFileSync(watched.path('empty'), '');
    ftruncateSync(file);
    const looking = watched.tree();
    await sleep(5);
    writeSync(file, 'content');
    closeSync(file);
    const tree = await looking;
    expect(tree.get('new')).toMatchObject({ sizeBytes: 7 });
    expect(tree.get('empty')).toMatchObject({ sizeBytes: 0 });
  });

  it('takes what is known from a file with the same stamp, without reading it', async () => {
    await using watched = await WatchedFolder.open({ 'a.txt': '1' });
    const { mtimeMs, ctimeMs, ino, mode } = statSync(watched.path('a.txt'));
    const known = {
      kind: 'file',
      mode: mode & 0o7777,
      sizeBytes: 1,
      sha256: 'as it was remembered',
      stamp: { mtimeMs, ctimeMs, inode: ino },
    } as const;
    const { tree } = await watched.folder.refresh(new Map([['a.txt', known]]), never());
    expect(tree.get('a.txt')).toBe(known);
  });

  const edits: readonly Edit[] = [
    [
      'an edit that keeps size and time',
      (path) => {
        const { atime, mtime } = statSync(path('old/file'));
        writeFileSync(path('old/file'), '2');
        utimesSync(path('old/file'), atime, mtime);
      },
    ],
    ['a file that grows', (path) => appendFileSync(path('old/file'), 'x')],
    ['a file that is emptied', (path) => truncateSync(path('old/file'))],
    ['a deleted file', (path) => unlinkSync(path('old/file'))],
    ['a renamed file', (path) => renameSync(path('old/file'), path('moved'))],
    ['a name in other case', (path) => renameSync(path('old/file'), path('old/FILE'))],
    // Windows keeps none.
    ...edit(!onWindows, 'permissions', (path) => chmodSync(path('old/file'), 0o755)),
    ...edit(!onWindows, 'permissions of a folder', (path) => chmodSync(path('old'), 0o700)),
    ...edit(canLink, 'a link', (path) => symlinkSync('file', path('old/link'))),
    [
      'a file that becomes a folder',
      (path) => {
        unlinkSync(path('old/file'));
        mkdirSync(path('old/file/deep'), { recursive: true });
        writeFileSync(path('old/file/deep/inner'), '');
      },
    ],
    [
      'a folder that becomes a file',
      (path) => {
        rmSync(path('old'), { recursive: true });
        writeFileSync(path('old'), 'file now');
      },
    ],
    ...edit(canLink, 'a folder that becomes a link', (path) => {
      renameSync(path('old'), path('real'));
      symlinkSync('real', path('old'));
    }),
    ['an empty folder', (path) => mkdirSync(path('new'))],
    [
      'a nested new folder',
      (path) => {
        mkdirSync(path('new/deep/er'), { recursive: true });
        writeFileSync(path('new/deep/er/file'), 'x');
      },
    ],
    ['a renamed folder', (path) => renameSync(path('old'), path('moved'))],
    ['a folder moved into another', (path) => renameSync(path('other'), path('old/other'))],
    ['a deleted folder', (path) => rmSync(path('old'), { recursive: true })],
    [
      'two folders that changed places',
      (path) => {
        renameSync(path('old'), path('tmp'));
        renameSync(path('other'), path('old'));
        renameSync(path('tmp'), path('other'));
      },
    ],
    [
      'a folder made anew under its old name',
      (path) => {
        rmSync(path('old'), { recursive: true });
        mkdirSync(path('old'));
        writeFileSync(path('old/file'), 'x');
      },
    ],
  ];
  it.each(edits)('follows %s, and what is changed there next', async (_, edit) => {
    await using watched = await WatchedFolder.open({
      'old/file': '1',
      'old/sub/file': '1',
      'other/file': 'o',
    });
    await watched.tree();
    edit((relative) => watched.path(relative));
    sameTree(await watched.next(), await watched.walked());
    watched.touchEverywhere();
    sameTree(await watched.next(), await watched.walked());
  });
});

describe('a batch', () => {
  it.runIf(tellsInOrder)('begins with its first event and is quick for one file', async () => {
    await using watched = await WatchedFolder.open({ 'a.txt': '1' });
    await watched.tree();
    const startMs = performance.now();
    watched.write('a.txt', '2');
    const { firstEventAtMs, settledAtMs } = await watched.folder.nextBatch(never());
    expect(firstEventAtMs).toBeGreaterThanOrEqual(startMs);
    expect(settledAtMs).toBeGreaterThanOrEqual(firstEventAtMs + 4);
  });

  it.runIf(tellsInOrder)('waits for the content of a file that was emptied to be written', async () => {
    const clock = new FakeClock();
    const hints = new Hints();
    await using watched = await WatchedFolder.open({ 'a.txt': 'old' }, { clock, openWatcher: hints.open });
    await watched.tree();
    const next = watched.next();
    truncateSync(watched.path('a.txt'));
    await hints.heard('');
    await clock.advance(5);
    await clock.advance(5);
    watched.write('a.txt', 'new');
    await hints.heard('');
    await clock.advance(15);
    await clock.advance(25);
    expect((await next).get('a.txt')).toMatchObject({ sizeBytes: 3 });
  });

  it('has nothing of what an editor puts beside the file', async () => {
    await using watched = await WatchedFolder.open({ 'main.py': 'old' });
    const before = await watched.tree();
    watched.write('.main.py.swp', 'swap');
    watched.write('4913', '');
    unlinkSync(watched.path('4913'));
    renameSync(watched.path('main.py'), watched.path('main.py~'));
    watched.write('main.py', 'new');
    const after = await watched.next();
    expect([...after.keys()]).toEqual(['main.py']);
    expect(after.get('main.py')).not.toEqual(before.get('main.py'));
  });

  it.runIf(tellsInOrder)(
    'is one for an atomic save of JetBrains, however long it takes, and has the file alone',
    async () => {
      const clock = new FakeClock();
      await using watched = await WatchedFolder.open({ a: 'old', b: '1' }, { clock });
      const before = await watched.tree();
      const path = (name: string): string => watched.path(name);
      const steps = [
        [60, () => watched.write('a___jb_tmp___', 'newer')],
        [15, () => renameSync(path('a'), path('a___jb_old___'))],
        [15, () => renameSync(path('a___jb_tmp___'), path('a'))],
        [10, () => unlinkSync(path('a___jb_old___'))],
      ] as const;
      const trees: LocalTree[] = [];
      const next = watched.next().then((tree) => trees.push(tree));
      for (const [pauseMs, step] of steps) {
        expect(trees).toEqual([]);
        step();
        // Nothing is heard of a file that is left out, but it can be: the kernel has told of it already.
        for (let turn = 0; turn < 10; turn++) await nextTurn();
        for (let ms = 0; ms < pauseMs; ms += 5) await Promise.race([clock.advance(5), next]);
      }
      await next;
      expect(trees.map((tree) => differingPaths(tree, before))).toEqual([['a']]);
      expect(trees[0]?.get('a')).toMatchObject({ sizeBytes: 5 });
    },
  );

  it('is one, as long as git holds its lock', async () => {
    await using watched = await WatchedFolder.open({ '.git/HEAD': '', a: '1', b: '1' });
    await watched.tree();
    watched.write('.git/index.lock', '');
    watched.write('a', '2');
    const next = watched.next();
    const early = await Promise.race([next, sleep(400, 'waits')]);
    expect(early).toBe('waits');
    watched.write('b', '2');
    unlinkSync(watched.path('.git/index.lock'));
    sameTree(await next, await watched.walked());
  });

  it('says once what it waits for when git holds its lock for long', async () => {
    await using watched = await WatchedFolder.open({ '.git/index.lock': '', a: '1' });
    await watched.tree();
    watched.write('.git/index.lock', '');
    watched.write('a', '2');
    const next = watched.folder.nextBatch(never());
    await expect.poll(() => watched.warnings, { timeout: 5_000 }).toHaveLength(1);
    await sleep(200);
    expect(watched.warnings).toEqual([
      'waits for git: .git/index.lock is there; remove it if no git is running',
    ]);
    unlinkSync(watched.path('.git/index.lock'));
    await next;
  });

  it('does not wait for a lock that git left behind long ago', async () => {
    await using watched = await WatchedFolder.open({ '.git/index.lock': '', a: '1' });
    await watched.tree();
    utimesSync(watched.path('.git/index.lock'), 1, 1);
    watched.write('a', '2');
    const { firstEventAtMs, settledAtMs } = await watched.folder.nextBatch(never());
    expect(settledAtMs - firstEventAtMs).toBeLessThan(5_000);
  });

  it.runIf(tellsInOrder)('does not end because it went on in a new folder', async () => {
    const clock = new FakeClock();
    const hints = new Hints();
    await using watched = await WatchedFolder.open({ a: '1' }, { clock, openWatcher: hints.open });
    await watched.tree();
    const next = watched.next();
    mkdirSync(watched.path('new/deep'), { recursive: true });
    await hints.heard('');
    await clock.advance(25);
    await clock.advance(20);
    watched.write('new/deep/file', 'x');
    await hints.heard('new/deep');
    await clock.advance(20);
    watched.write('new/deep/last', 'x');
    await hints.heard('new/deep');
    await clock.advance(25);
    expect([...(await next).keys()]).toEqual(['a', 'new', 'new/deep', 'new/deep/file', 'new/deep/last']);
  });

  it.runIf(tellsInOrder)('leaves what happens during the refresh to the next one', async () => {
    await using watched = await WatchedFolder.open({ a: '1', b: '1' });
    await watched.tree();
    watched.write('a', '2');
    await watched.folder.nextBatch(never());
    const refresh = watched.tree();
    watched.write('b', '2');
    await refresh;
    sameTree(await watched.next(), await watched.walked());
  });

  it('ends with the reason of the signal', async () => {
    await using watched = await WatchedFolder.open();
    const stop = new AbortController();
    const next = watched.folder.nextBatch(stop.signal);
    stop.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    watched.write('a', '1');
    expect((await watched.next()).has('a')).toBe(true);
  });

  it.runIf(tellsInOrder)('is not made of ignored files', async () => {
    await using watched = await WatchedFolder.open(
      { a: '1', 'node_modules/x': '1' },
      { ignore: ['node_modules/', '*.log'] },
    );
    await watched.tree();
    watched.write('app.log', 'line');
    watched.write('node_modules/x', '2');
    watched.write('.a.swp', 'swap');
    const next = watched.folder.nextBatch(never());
    expect(await Promise.race([next, sleep(100, 'silent')])).toBe('silent');
    watched.write('a', '2');
    await next;
  });
});

describe('a refresh', () => {
  it('looks again at all that was not confirmed', async () => {
    await using watched = await WatchedFolder.open({ a: '1', 'sub/b': '1' });
    await watched.tree();
    watched.folder.confirm();
    watched.write('sub/b', '2');
    await watched.next();
    watched.folder.distrust();
    const before = await watched.tree();
    expect(before.get('sub/b')).toMatchObject({ sizeBytes: 1 });
    sameTree(before, await watched.walked());
  });

  it('keeps what it was to look at when it is interrupted', async () => {
    await using watched = await WatchedFolder.open({ 'sub/b': '1' });
    await watched.tree();
    watched.write('sub/b', '2');
    await watched.folder.nextBatch(never());
    const interrupted = watched.folder.refresh(undefined, AbortSignal.abort(new Error('enough')));
    await interrupted.catch(() => undefined);
    sameTree(await watched.tree(), await watched.walked());
  });

  it('tells which deleted paths are ignored now', async () => {
    await using watched = await WatchedFolder.open({ 'sub/a': '1', 'sub/.gitignore': 'a\n' });
    const { isIgnored } = await watched.folder.refresh(undefined, never());
    expect(isIgnored('sub/a', false)).toBe(true);
    expect(isIgnored('sub/b', false)).toBe(false);
  });

  it('tells by its edition whether anything is other than before', async () => {
    await using watched = await WatchedFolder.open({ a: '1', 'sub/b': '1' });
    const edition = (): Promise<number> => watched.folder.edition(never());
    const first = await edition();
    await watched.tree();
    watched.folder.distrust();
    expect(await edition()).toBe(first);
    watched.write('a', '2');
    await watched.folder.nextBatch(never());
    const second = await edition();
    expect(second).not.toBe(first);
    watched.folder.distrust();
    await watched.tree();
    expect(await edition()).toBe(second);
    rmSync(watched.path('sub'), { recursive: true });
    await watched.folder.nextBatch(never());
    expect(await edition()).not.toBe(second);
  });

  it.skipIf(onWindows)('says once what it does not sync', async () => {
    await using watched = await WatchedFolder.open({ a: '1' });
    await watched.tree();
    watched.makeFifo('pipe');
    await watched.next();
    watched.write('a', '2');
    await watched.next();
    expect(watched.warnings).toEqual(['pipe is neither file, folder nor link; it is not synced']);
    for (const name of ['1', '2', '3', '4', '5', '6', '7']) watched.makeFifo(name);
    watched.write('a', '3');
    await watched.next();
    expect(watched.warnings.slice(1)).toEqual([
      '1, 2, 3, 4, 5 and 2 more are neither files, folders nor links; they are not synced',
    ]);
  });
});

// Windows keeps the name of a folder that is watched until nobody does.
describe.skipIf(onWindows)('the source itself', () => {
  it('is followed when it is replaced by another of the same name', async () => {
    await using watched = await WatchedFolder.open({ a: '1', 'sub/b': '1' });
    await watched.tree();
    rmSync(watched.source, { recursive: true });
    watched.write('sub/c', '1');
    sameTree(await watched.next(), await watched.walked());
    watched.write('sub/c', '2');
    sameTree(await watched.next(), await watched.walked());
  });

  it('is an error when it has gone, and not an empty tree', async () => {
    await using watched = await WatchedFolder.open({ a: '1' });
    await watched.tree();
    rmSync(watched.source, { recursive: true });
    await expect(watched.next()).rejects.toThrow(/cannot read .*ENOENT/);
    watched.write('a', '2');
    sameTree(await watched.tree(), await watched.walked());
  });
});

describe('a folder that nothing is heard of', () => {
  it('is looked at as a whole once a minute', async () => {
    const clock = new FakeClock();
    await using watched = await WatchedFolder.open({ 'sub/a': '1' }, { openWatcher: deaf, clock });
    await watched.tree();
    watched.write('sub/a', '22');
    const next = watched.next();
    await clock.advance(60_000);
    await clock.advance(30);
    expect((await next).get('sub/a')).toMatchObject({ sizeBytes: 2 });
  });
});

it.each([5 << 20, 9 << 20])(
  'a file of %i bytes that grew between being listed and being read is there in full after the next look',
  async (sizeBytes) => {
    let meanwhile = (): void => undefined;
    // A folder that has gone is left when all is listed, and nothing is read yet.
    const openWatcher: OpenWatcher = async (options) => ({
      ...(await deaf(options)),
      leave: () => meanwhile(),
    });
    await using watched = await WatchedFolder.open({ 'gone/a': '' }, { openWatcher });
    watched.write('large', 'x'.repeat(sizeBytes));
    watched.folder.lookAtAll();
    await watched.tree();
    meanwhile = () => appendFileSync(watched.path('large'), 'at last');
    appendFileSync(watched.path('large'), 'at first');
    rmSync(watched.path('gone'), { recursive: true });
    for (let look = 0; look < 2; look++) {
      watched.folder.lookAtAll();
      await watched.tree();
    }
    const hashOf = (tree: LocalTree): unknown => (tree.get('large') as { sha256?: string }).sha256;
    const tree = await watched.tree();
    expect(tree.get('large')).toMatchObject({ sizeBytes: sizeBytes + 15 });
    expect(hashOf(tree)).toBe(hashOf(await watched.walked()));
  },
);

/** Lets a test wait until something was heard. */
class Hints {
  private readonly folders: string[] = [];
  private tell: () => void = () => undefined;

  /** What goes on in `silent` is not told. */
  constructor(private readonly silent?: string) {}

  readonly open: OpenWatcher = (options) =>
    ofThisSystem({
      ...options,
      onHint: (hint) => {
        if (hint.kind === 'folder' && hint.path === this.silent) return;
        options.onHint(hint);
        if (hint.kind === 'folder') this.folders.push(hint.path);
        this.tell();
      },
    });

  /** Resolves when who waits for a batch has taken notice of it. */
  async heard(folder: string): Promise<void> {
    while (!this.folders.includes(folder)) await new Promise<void>((resolve) => (this.tell = resolve));
    this.folders.length = 0;
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  }
}

it('a file that nothing was heard of is seen after a minute, also in a folder that is never silent for long', async () => {
  const clock = new FakeClock();
  const hints = new Hints('two');
  const files = { 'one/a': '1', 'two/b': '1' };
  await using watched = await WatchedFolder.open(files, { clock, openWatcher: hints.open });
  const after = async (pauseMs: number, folder: string, act: () => void): Promise<void> => {
    const batches: LocalTree[] = [];
    const next = watched.next().then((tree) => batches.push(tree));
    await clock.advance(pauseMs);
    act();
    await hints.heard(folder);
    while (batches.length === 0) await Promise.race([clock.advance(5), next]);
  };
  await after(0, 'one', () => watched.write('one/a', '2'));
  watched.write('two/b', '333');
  for (let round = 0; round < 4; round++)
    await after(12_000, 'one', () => watched.write('one/busy', String(round)));
  expect((await watched.tree()).get('two/b')).toMatchObject({ sizeBytes: 1 });
  const next = watched.next();
  await clock.advance(12_000);
  await clock.advance(25);
  expect((await next).get('two/b')).toMatchObject({ sizeBytes: 3 });
});

describe('a file with other names', () => {
  const names = ['one/a', 'one/same folder', 'two/b', 'two/deep/c'];
  const linked = async (): Promise<WatchedFolder> => {
    const watched = await WatchedFolder.open({ 'one/a': '1', 'one/other': '1', 'two/deep/other': '1' });
    for (const name of names.slice(1)) linkSync(watched.path('one/a'), watched.path(name));
    watched.folder.lookAtAll();
    await watched.tree();
    return watched;
  };

  it.each(names)('is another one under all of them when it is saved through %s', async (name) => {
    await using watched = await linked();
    appendFileSync(watched.path(name), '23');
    const tree = await watched.next();
    for (const same of names) expect(tree.get(same)).toMatchObject({ sizeBytes: 3 });
    sameTree(tree, await watched.walked());
  });

  it('is another one under all of them when its folder is listed', async () => {
    await using watched = await linked();
    appendFileSync(watched.path('two/b'), '23');
    watched.write('two/new', '1');
    const tree = await watched.next();
    sameTree(tree, await watched.walked());
  });

  it('is found among them when one is gone, and one is a file of its own by now', async () => {
    await using watched = await linked();
    unlinkSync(watched.path('two/b'));
    unlinkSync(watched.path('one/same folder'));
    watched.write('one/same folder', 'own');
    appendFileSync(watched.path('one/a'), '23');
    sameTree(await watched.next(), await watched.walked());
  });
});

describe('a .gitignore that changes', () => {
  it('takes away what it ignores, and gives back what it does not any more', async () => {
    await using watched = await WatchedFolder.open({
      'src/deep/a.log': '1',
      'src/deep/b': '1',
      'out/x': '1',
    });
    await watched.tree();
    watched.write('.gitignore', '*.log\nout/\n');
    expect([...(await watched.next()).keys()]).toEqual(['src', 'src/deep', 'src/deep/b', '.gitignore']);
    unlinkSync(watched.path('.gitignore'));
    sameTree(await watched.next(), await watched.walked());
    watched.write('out/x', '2');
    sameTree(await watched.next(), await watched.walked());
  });

  it('is followed when it ignores itself', async () => {
    await using watched = await WatchedFolder.open({ '.gitignore': '*\n!b\n', a: '1', b: '1' });
    expect([...(await watched.tree()).keys()]).toEqual(['b']);
    unlinkSync(watched.path('.gitignore'));
    sameTree(await watched.next(), await watched.walked());
  });

  it('holds for what is below its own folder', async () => {
    await using watched = await WatchedFolder.open({ 'a/x.txt': '1', 'b/x.txt': '1', 'a/c/x.txt': '1' });
    await watched.tree();
    watched.write('a/.gitignore', 'x.txt\n');
    const tree = await watched.next();
    expect([...tree.keys()].filter((path) => path.endsWith('x.txt'))).toEqual(['b/x.txt']);
  });
});
