import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';
import type { LocalEntry, LocalTree } from '../../../src/sync/tree.js';
import { ChokidarWatcher } from '../../../src/watch/chokidar/chokidar-watcher.js';
import { PollingWatcher } from '../../../src/watch/polling/polling-watcher.js';
import type { OpenWatcher } from '../../../src/watch/watcher.js';
import { holdsSame, sameTree } from './same-tree.js';
import { canLink } from '../can-link.js';
import { systemClock } from '../../../src/system-clock.js';
import { tellsInOrder, WatchedFolder } from './watched-folder.js';

type Way = readonly [string, { changes: number; pauseMs: number }, OpenWatcher];

const STEPS = 600;
const ROUNDS = 20;
const MARK = 'mark';

describe.runIf(tellsInOrder)('LocalFolder after any sequence of changes', () => {
  it.each([1, 2, 3])('holds what a walk of its own finds, and is told of everything (%i)', async (seed) => {
    await followed(seed, false, (tree) => tree);
  });

  it.each([4, 5])('does so also with files of several names (%i)', async (seed) => {
    // To take away one name changes this time under the others.
    await followed(
      seed,
      true,
      (tree) => new Map([...tree].map(([path, entry]) => [path, withoutCtime(entry)])),
    );
  });

  async function followed(seed: number, hasHardLinks: boolean, told: (tree: LocalTree) => LocalTree) {
    const files = { 'a/x': '1', 'a/b/y': '2', z: '3' };
    await using watched = await WatchedFolder.open(files, { ignore: [`!${MARK}`] });
    await watched.tree();
    const random = randomOf(seed);
    const changes = new RandomChanges(watched.source, random, hasHardLinks);
    for (let step = 0; step < STEPS; step++) {
      changes.one();
      if (random() < 0.3) await sleep(random() * 8);
      if (random() < 0.1) await watched.tree();
      if (random() > 0.05) continue;
      sameTree(told(await atRest(watched, `after step ${step}`)), told(await watched.walked()));
    }
  }
});

describe('LocalFolder with another way of watching', () => {
  const chokidar: Way = [
    'chokidar',
    { changes: 1, pauseMs: 150 },
    (options) => ChokidarWatcher.open(options),
  ];
  const ways: readonly Way[] = [
    [
      'polling',
      { changes: 20, pauseMs: 0 },
      (options) => Promise.resolve(new PollingWatcher(options, systemClock, 20)),
    ],
    // What replaces a folder twice within 100 ms is beyond it.
    ...(process.platform === 'win32' ? [] : [chokidar]),
  ];
  it.each(ways)('finds everything in the end (%s)', async (_, pace, openWatcher) => {
    await using watched = await WatchedFolder.open({ 'a/x': '1', 'a/b/y': '2', z: '3' }, { openWatcher });
    await watched.tree();
    const random = randomOf(4);
    const changes = new RandomChanges(watched.source, random);
    for (let round = 0; round < ROUNDS; round++) {
      for (let step = 0; step < pace.changes; step++) {
        changes.one();
        if (random() < 0.3) await sleep(random() * 30);
        if (random() < 0.1) await watched.tree();
      }
      await sleep(pace.pauseMs);
      const expected = await watched.walked();
      let tree = await watched.tree();
      while (!holdsSame(tree, expected)) tree = await watched.next();
      sameTree(tree, expected);
    }
  });
});

const withoutCtime = (entry: LocalEntry): LocalEntry => ({ ...entry, stamp: { ...entry.stamp, ctimeMs: 0 } });

/** Follows batches until one has a last change: everything before it has to be told by then, not only found. */
async function atRest(watched: WatchedFolder, mark: string): Promise<LocalTree> {
  watched.write(MARK, mark);
  const marked = createHash('sha256').update(mark).digest('hex');
  for (;;) {
    const tree = await watched.next();
    const entry = tree.get(MARK);
    if (entry?.kind === 'file' && entry.sha256 === marked) return tree;
  }
}

/** Makes, edits, moves and removes files and folders in a folder. */
class RandomChanges {
  constructor(
    private readonly source: string,
    private readonly random: () => number,
    private readonly hasHardLinks = false,
  ) {}

  one(): void {
    const changes = [
      () => this.write(),
      () => this.write(),
      () => this.append(),
      () => this.remove(),
      () => this.move(),
      () => this.makeFolder(),
      ...(canLink ? [() => this.link()] : []),
      ...(this.hasHardLinks
        ? [() => this.hardLink(), () => this.hardLink(), () => this.append(), () => this.append()]
        : []),
      () => this.chmod(),
      () => this.swap(),
      () => this.ignore(),
    ];
    this.pick(changes)?.();
  }

  private write(): void {
    const path = join(this.source, this.folder(), this.name());
    if (kindOf(path) !== 'folder' && kindOf(path) !== 'link') writeFileSync(path, String(this.random()));
  }

  private append(): void {
    const path = this.entry();
    if (path !== undefined && kindOf(path) === 'file') appendFileSync(path, 'x');
  }

  private remove(): void {
    const path = this.entry();
    if (path !== undefined) rmSync(path, { recursive: true });
  }

  private move(): void {
    const from = this.entry();
    const to = join(this.source, this.folder(), this.name());
    if (from === undefined || `${to}${sep}`.startsWith(`${from}${sep}`)) return;
    rmSync(to, { recursive: true, force: true });
    if (existsSync(from)) renameSync(from, to);
  }

  private makeFolder(): void {
    const path = join(this.source, this.folder(), this.name(), this.name());
    const parent = kindOf(join(path, '..'));
    if ((parent === undefined || parent === 'folder') && kindOf(path) === undefined)
      mkdirSync(path, { recursive: true });
  }

  private link(): void {
    const path = join(this.source, this.folder(), this.name());
    if (kindOf(path) === undefined) symlinkSync(this.name(), path);
  }

  private hardLink(): void {
    const path = join(this.source, this.folder(), this.name());
    const file = this.entry();
    if (file !== undefined && kindOf(file) === 'file' && kindOf(path) === undefined) linkSync(file, path);
  }

  private chmod(): void {
    const path = this.entry();
    if (path !== undefined && kindOf(path) !== 'link') chmodSync(path, this.pick([0o700, 0o755, 0o744]));
  }

  /** A folder made anew, with the same inode number as likely as not. */
  private swap(): void {
    const path = join(this.source, this.folder());
    if (path === this.source) return;
    rmSync(path, { recursive: true });
    mkdirSync(path);
    writeFileSync(join(path, this.name()), 'new');
  }

  private ignore(): void {
    const path = join(this.source, this.folder(), '.gitignore');
    if (this.random() < 0.5) rmSync(path, { force: true });
    else writeFileSync(path, this.pick(['x\n', 'b/\n', '/a\n', '*\n!y\n']));
  }

  private folder(): string {
    const folders = this.all().filter((path) => kindOf(path) === 'folder');
    return this.pick([this.source, ...folders]).slice(this.source.length + 1);
  }

  private entry(): string | undefined {
    return this.pick(this.all());
  }

  /** Links are not followed, which readdir does by itself since Node 22. */
  private all(folder = this.source): string[] {
    return readdirSync(folder, { withFileTypes: true })
      .flatMap((entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? [path, ...this.all(path)] : [path];
      })
      .filter((path) => path !== join(this.source, MARK));
  }

  private name(): string {
    return this.pick(['x', 'y', 'z', 'a', 'b', 'c', 'Ä', 'X']);
  }

  private pick<T>(items: readonly [T, ...T[]]): T;
  private pick<T>(items: readonly T[]): T | undefined;
  private pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random() * items.length)];
  }
}

function kindOf(path: string): 'file' | 'folder' | 'link' | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isSymbolicLink()) return 'link';
  return stats.isDirectory() ? 'folder' : 'file';
}

/** mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
