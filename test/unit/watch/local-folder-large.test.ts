import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DirectoryWatcher, type WatchFolder } from '../../../src/watch/directories/directory-watcher.js';
import { openWithFallback } from '../../../src/watch/fallback-watcher.js';
import { PollingWatcher } from '../../../src/watch/polling/polling-watcher.js';
import type { OpenWatcher } from '../../../src/watch/watcher.js';
import { holdsSame, sameTree } from './same-tree.js';
import { withPrograms } from '../image/medium/with-programs.js';
import { systemClock } from '../../../src/system-clock.js';
import { ofThisSystem, WatchedFolder } from './watched-folder.js';

describe('LocalFolder with many changes at once', () => {
  withPrograms('git').it('takes a git checkout of 2,000 files as one batch', async () => {
    await using watched = await WatchedFolder.open({ 'README.md': '' });
    const git = gitIn(watched.source);
    git('init', '-q', '-b', 'one');
    fill(watched.source, 2_000, 'one');
    git('add', '.');
    git('commit', '-q', '-m', 'one');
    git('checkout', '-q', '-b', 'two');
    fill(watched.source, 2_000, 'two');
    git('commit', '-q', '-a', '-m', 'two');
    await settled(watched);
    for (const branch of ['one', 'two']) {
      const checkedOut = gitLater(watched.source, 'checkout', '-q', branch);
      const tree = await watched.next();
      await checkedOut;
      sameTree(tree, await watched.walked());
      await settled(watched);
    }
  });

  it('finds 10,000 files deleted at once', async () => {
    await using watched = await WatchedFolder.open({ keep: '' });
    fill(watched.source, 10_000, 'x');
    await settled(watched);
    rmSync(watched.path('many'), { recursive: true });
    const tree = await settled(watched);
    expect([...tree.keys()]).toEqual(['keep']);
  });

  it('reads no file again because the folder that it is in was renamed', async () => {
    await using watched = await WatchedFolder.open();
    fill(watched.source, 500, 'x');
    // Files that were younger than two seconds when they were read are read again, as in git.
    await sleep(2_100);
    watched.write('.gitignore', '');
    const before = await settled(watched);
    renameSync(watched.path('many'), watched.path('moved'));
    const after = await settled(watched);
    expect(after.size).toBe(before.size);
    expect(after.get('moved/d0/f0')).toBe(before.get('many/d0/f0'));
  });

  it('watches no ignored folder, however large', async () => {
    const entered: string[] = [];
    const openWatcher: OpenWatcher = async (options) => {
      const watcher = await ofThisSystem(options);
      const enter = watcher.enter.bind(watcher);
      return Object.assign(watcher, {
        enter: (folder: string) => {
          entered.push(folder);
          enter(folder);
        },
      });
    };
    const files = { 'src/a': '1', 'node_modules/x/y/z': '1', 'build/out': '1', '.gitignore': 'build\n' };
    await using watched = await WatchedFolder.open(files, { openWatcher });
    expect(entered).toEqual(['', 'src']);
    mkdirSync(watched.path('src/node_modules/deep'), { recursive: true });
    watched.write('src/node_modules/deep/file', '1');
    watched.write('src/b', '1');
    await watched.next();
    expect(entered.filter((folder) => folder.includes('node_modules'))).toEqual([]);
  });
});

// Other systems have other watches, which are not counted by folder.
describe.skipIf(process.platform !== 'linux')('LocalFolder at the limits of inotify', () => {
  it('finds what the system told nobody, because it had too much to tell', async () => {
    await using watched = await WatchedFolder.open({
      'loud/a': '',
      'loud/b': '',
      'quiet/edited': 'before',
    });
    await settled(watched);
    const queue = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
    // By turns: the system tells the same thing twice running only once.
    for (let told = 0; told <= queue; told += 2)
      for (const name of ['loud/a', 'loud/b']) appendFileSync(watched.path(name), 'x');
    watched.write('quiet/edited', 'after');
    sameTree(await settled(watched), await watched.walked());
  });

  it('is in step with 100,000 files within the watches that kernels before 5.11 grant', async () => {
    const before = mkdtempSync(join(tmpdir(), 'rdt-large-'));
    fill(before, 100_000, 'x');
    const openWatcher: OpenWatcher = (options) =>
      Promise.resolve(new DirectoryWatcher(options, atMost(OLD_LIMIT)));
    await using watched = await WatchedFolder.open({ keep: '' }, { openWatcher, from: before });
    expect(watched.folder.watching).toBe('inotify');
    expect((await watched.tree()).size).toBe(100_000 + 2_000 + 2);
    watched.write('many/d1999/f99999', 'edited');
    rmSync(watched.path('many/d0'), { recursive: true });
    expect(holdsSame(await settled(watched), await watched.walked())).toBe(true);
    expect(watched.warnings).toEqual([]);
    // 100,000 files are made, listed and read: 20 s on two cores, and 112 s while others worked beside it.
  }, 180_000);
});

describe('LocalFolder with more folders than the system watches', () => {
  it.each(['ENOSPC', 'EMFILE'])('goes on by polling, and says how to raise the limit (%s)', async (code) => {
    const openWatcher: OpenWatcher = (options) =>
      openWithFallback(
        (inner) => Promise.resolve(new DirectoryWatcher(inner, only(3, code))),
        (inner) => Promise.resolve(new PollingWatcher(inner, systemClock, 20)),
        options,
      );
    await using watched = await WatchedFolder.open(
      { 'a/1': '', 'b/1': '', 'c/1': '', 'd/1': '' },
      { openWatcher },
    );
    await settled(watched);
    expect(watched.folder.watching).toBe('polling every 0.02 s');
    expect(watched.warnings).toEqual([
      expect.stringMatching(/no more watches .*polled.*sudo sysctl fs\.inotify/),
    ]);
    for (const folder of ['a', 'd']) {
      watched.write(`${folder}/1`, 'edited');
      sameTree(await settled(watched), await watched.walked());
    }
  });
});

/** `fs.inotify.max_user_watches` where the kernel does not go by the memory yet. */
const OLD_LIMIT = 8_192;

/** The system's own watches, as long as there are so many at most. */
function atMost(count: number): WatchFolder {
  const refuse = only(count, 'ENOSPC');
  return (path, listener) => {
    refuse(path, listener);
    return watch(path, listener);
  };
}

/** The first `count` folders are watched, the others fail as they do at the system's limit. */
function only(count: number, code: string): WatchFolder {
  let given = 0;
  return () => {
    if (given++ >= count) throw Object.assign(new Error('System limit reached'), { code });
    return { close: () => undefined, on: () => undefined };
  };
}

function fill(source: string, count: number, content: string): void {
  for (let file = 0; file < count; file++) {
    const folder = join(source, `many/d${Math.floor(file / 50)}`);
    if (file % 50 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${file}`), `${content} ${file}`);
  }
}

/** The tree when everything that was done before has been told. */
async function settled(watched: WatchedFolder) {
  watched.write('mark', 'marked');
  for (;;) {
    const tree = await watched.next();
    if (tree.has('mark')) break;
  }
  rmSync(watched.path('mark'));
  for (;;) {
    const tree = await watched.next();
    if (!tree.has('mark')) return tree;
  }
}

const gitIn =
  (folder: string) =>
  (...args: readonly string[]): void =>
    void execFileSync('git', args, { cwd: folder, env: GIT_ENV });

async function gitLater(folder: string, ...args: readonly string[]): Promise<void> {
  await once(spawn('git', args, { cwd: folder, env: GIT_ENV }), 'close');
}

const GIT_ENV = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
};
