import { join } from 'node:path';
import type { Clock } from '../runtime.js';
import { statIfThere } from '../sync/file-content.js';
import type { DirtyFolders } from './dirty-folders.js';
import { GitLock } from './git-lock.js';
import { QuietPeriod } from './quiet-period.js';
import type { TreeIndex } from './tree-index.js';
import type { Watcher } from './watcher.js';

/** Entering new folders takes no longer than this at a time. */
const EARLY_MS = 50;

/** Changes that belong together. Times are milliseconds of the monotonic clock. */
export interface Batch {
  readonly firstEventAtMs: number;
  readonly settledAtMs: number;
}

export interface SettlingOptions {
  /** Absolute path. */
  readonly source: string;
  readonly clock: Clock;
  /** Given the same message each time. */
  warn(message: string): void;
}

/** Tells when changes have come to rest: no event for a while, git not at work, and nothing unheard in new folders. */
export class Settling {
  private readonly quiet = new QuietPeriod();
  private readonly gitLock: GitLock;
  /** Folders that are watched before they were listed. */
  private readonly early = new Set<string>();

  constructor(
    private readonly options: SettlingOptions,
    private readonly index: TreeIndex,
    private readonly watcher: Watcher,
  ) {
    this.gitLock = new GitLock(options.source, (message) => options.warn(message));
  }

  /** `path` is undefined when it is unknown what was touched. */
  hear(path: string | undefined): void {
    this.quiet.touch(path, this.now());
  }

  /** In how many milliseconds it is worth asking; undefined as long as nothing was heard. */
  get dueInMs(): number | undefined {
    const { dueAtMs } = this.quiet;
    return dueAtMs === undefined ? undefined : Math.max(0, dueAtMs - this.now());
  }

  /** The batch, if it is over. `dirty` is what was heard of. */
  settle(dirty: DirtyFolders): Batch | undefined {
    const { firstEventAtMs } = this.quiet;
    const nowMs = this.now();
    if (firstEventAtMs === undefined || !this.isDue(nowMs)) return undefined;
    if (!this.isSettled(dirty, nowMs) || this.isHeld(nowMs, firstEventAtMs)) return undefined;
    this.quiet.clear();
    return { firstEventAtMs, settledAtMs: nowMs };
  }

  /** To be called when everything was looked at: of the new folders some went again, or turned out to be ignored. */
  leaveEarly(): void {
    for (const folder of this.early) if (!this.index.hasFolder(folder)) this.watcher.leave(folder);
    this.early.clear();
  }

  private isDue(nowMs: number): boolean {
    const { dueAtMs } = this.quiet;
    return dueAtMs !== undefined && dueAtMs <= nowMs;
  }

  private isSettled(dirty: DirtyFolders, nowMs: number): boolean {
    const { oneSave } = this.quiet;
    if (oneSave !== undefined) {
      if (this.isFinishedSave(oneSave)) return true;
      this.quiet.doubt();
    }
    if (this.isDue(nowMs) && this.enterNewFolders(dirty, nowMs)) this.quiet.touch(undefined, nowMs);
    return this.isDue(nowMs);
  }

  /** Git is at work in the folder. */
  private isHeld(nowMs: number, firstEventAtMs: number): boolean {
    if (!this.gitLock.isHeld(nowMs - firstEventAtMs, this.options.clock.wallMs())) return false;
    this.quiet.hold(nowMs);
    return true;
  }

  /** What goes on in a new folder is heard from now on: a copy or a checkout is not over because it went there. */
  private enterNewFolders(dirty: DirtyFolders, nowMs: number): boolean {
    let found = false;
    const isOver = (): boolean => this.now() - nowMs > EARLY_MS;
    for (const folder of this.index.newFolders(dirty, isOver)) {
      if (this.early.has(folder)) continue;
      this.early.add(folder);
      this.watcher.enter(folder);
      found = true;
    }
    return found;
  }

  /** One known file that has content, and nothing else that is still there: no half of a save, and not the first of many files. */
  private isFinishedSave(paths: ReadonlySet<string>): boolean {
    let saved = 0;
    for (const path of paths) {
      const stats = statIfThere(join(this.options.source, path));
      const isKnown = this.index.get(path)?.kind === 'file';
      if (stats === undefined && !isKnown) continue;
      if (!isKnown || stats?.isFile() !== true || stats.size === 0) return false;
      saved++;
    }
    return saved === 1;
  }

  private now(): number {
    return this.options.clock.monotonicMs();
  }
}
