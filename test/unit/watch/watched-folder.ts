import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../src/runtime.js';
import { systemClock } from '../../../src/system-clock.js';
import { rulesOfSource } from '../../../src/sync/local-state.js';
import type { IgnoreRules } from '../../../src/sync/ignore-rules.js';
import { hashTree, listTree } from '../../../src/sync/scan.js';
import { type LocalTree, sameEntry, unknownEntry } from '../../../src/sync/tree.js';
import { withoutEditorFiles } from '../../../src/watch/editor-files.js';
import { LocalFolder } from '../../../src/watch/local-folder.js';
import type { OpenWatcher } from '../../../src/watch/watcher.js';
import { watcherFor } from '../../../src/wiring/watcher.js';

/** What rdt takes on this system. */
export const ofThisSystem = watcherFor({ platform: process.platform, clock: systemClock }, false);

/** Hears nothing. */
export const deaf: OpenWatcher = () =>
  Promise.resolve({
    description: 'nothing',
    enter: () => undefined,
    leave: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });

/** macOS has a watch for each file and each folder: their events come in any order, and some tell of what was there before. */
export const tellsInOrder = process.platform !== 'darwin';

export class WatchedFolder implements AsyncDisposable {
  readonly warnings: string[] = [];

  private constructor(
    readonly source: string,
    readonly ignore: readonly string[],
    private readonly openWatcher: OpenWatcher,
    private readonly clock: Clock,
  ) {}

  folder!: LocalFolder;

  /** A temporary folder with these files (path -> content), watched. */
  static async open(
    files: Readonly<Record<string, string>> = {},
    {
      ignore = ['.git', 'node_modules/'],
      openWatcher = ofThisSystem,
      clock = systemClock,
      from = mkdtempSync(join(tmpdir(), 'rdt-watched-')),
    }: {
      ignore?: readonly string[];
      openWatcher?: OpenWatcher;
      clock?: Clock;
      /** A folder that was made before; it is removed in the end. */
      from?: string;
    } = {},
  ): Promise<WatchedFolder> {
    const watched = new WatchedFolder(from, ignore, openWatcher, clock);
    for (const [path, content] of Object.entries(files)) watched.write(path, content);
    watched.folder = await watched.openFolder();
    return watched;
  }

  /** As another rdt, later. */
  async reopen(): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
    this.folder = await this.openFolder();
  }

  path(path: string): string {
    return join(this.source, path);
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
  }

  async tree(): Promise<LocalTree> {
    return (await this.folder.refresh(undefined, never())).tree;
  }

  /** The tree after the next batch; where events come in any order, after as many as it takes until it is that of the folder. */
  async next(): Promise<LocalTree> {
    for (;;) {
      await this.folder.nextBatch(AbortSignal.timeout(20_000));
      const tree = await this.tree();
      if (tellsInOrder || isInStep(tree, await this.walked())) return tree;
    }
  }

  /** What a walk of its own finds. */
  async walked(): Promise<LocalTree> {
    const options = {
      source: this.source,
      platform: 'linux',
      rules: this.rules(),
      signal: never(),
      warn: () => undefined,
    } as const;
    return hashTree(await listTree(options), new Map<string, never>(), options);
  }

  /** Edits each file, and puts a new one in each folder. */
  touchEverywhere(): void {
    for (const entry of readdirSync(this.source, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) appendFileSync(path, 'touched');
      if (entry.isDirectory()) writeFileSync(join(path, 'touched'), 'new');
    }
  }

  makeFifo(path: string): void {
    execFileSync('mkfifo', [this.path(path)]);
  }

  private openFolder(): Promise<LocalFolder> {
    const { source, clock, openWatcher } = this;
    const rules = (): IgnoreRules => this.rules();
    const warn = (message: string): void => void this.warnings.push(message);
    return LocalFolder.open({ source, platform: 'linux', clock, openWatcher, rules, warn }, never());
  }

  private rules(): IgnoreRules {
    const { source, ignore } = this;
    return withoutEditorFiles(rulesOfSource({ source, ignore, skipGitignore: false, platform: 'linux' }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
    rmSync(this.source, { recursive: true, force: true });
  }
}

/** The time of a file that was written while it was looked at may be an older one. */
const isInStep = (tree: LocalTree, walked: LocalTree): boolean =>
  tree.size === walked.size &&
  [...walked].every(([path, entry]) => sameEntry(tree.get(path) ?? unknownEntry(entry.kind), entry));

export const never = (): AbortSignal => new AbortController().signal;
