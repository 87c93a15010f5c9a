import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../runtime.js';
import { statIfThere } from '../sync/file-content.js';
import type { IgnoreRules } from '../sync/ignore-rules.js';
import { ignoredNow, type LocalState } from '../sync/local-state.js';
import type { LocalTree } from '../sync/tree.js';
import { Turns } from '../sync/turns.js';
import { DirtyFolders } from './dirty-folders.js';
import { gitLockOf, isLocked } from './git-lock.js';
import { LocalTreeKeeper } from './local-tree-keeper.js';
import { QuietPeriod } from './quiet-period.js';
import { TreeIndex } from './tree-index.js';
import type { Hint, OpenWatcher, Watcher } from './watcher.js';

/** Events can be lost without a sign of it: by network file systems, containers, a bug. So an idle folder is looked at this often. */
const IDLE_LOOK_MS = 60_000;
/** A large one more rarely: no more of the time than 1 of this goes into it. */
const IDLE_SHARE = 400;
const IDLE_LOOK_AT_LEAST_MS = 600_000;
/** Entering new folders takes no longer than this at a time. */
const EARLY_MS = 50;
/** A file that was emptied has its content after this time, or is meant to be empty. */
const FILLED_MS = 25;
/** However many are emptied one after the other. */
const FILLED_AT_MOST_MS = 250;
/** A batch waits for git no longer than this. */
const HOLD_AT_MOST_MS = 10_000;

export interface LocalFolderOptions {
  /** Absolute path. */
  readonly source: string;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
  readonly openWatcher: OpenWatcher;
  /** The rules outside of the source; made anew whenever everything is looked at. */
  rules(): IgnoreRules;
  /** Called once for each message. */
  warn(message: string): void;
}

/** Changes that belong together. Times are milliseconds of the monotonic clock. */
export interface Batch {
  readonly firstEventAtMs: number;
  readonly settledAtMs: number;
}

/** The folder on the laptop while it is watched: says when something changed, and then what it holds. */
export class LocalFolder implements AsyncDisposable {
  private dirty = new DirtyFolders();
  /** What was looked at since the last `confirm()`. */
  private unconfirmed = new DirtyFolders();
  private readonly quiet = new QuietPeriod();
  private gitLock: string | undefined;
  private readonly keeper: LocalTreeKeeper;
  /** Folders that are watched before they were listed. */
  private readonly early = new Set<string>();
  private idleLookMs = IDLE_LOOK_MS;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly options: LocalFolderOptions,
    private readonly index: TreeIndex,
    private readonly watcher: Watcher,
  ) {
    this.keeper = new LocalTreeKeeper(options.source, index);
  }

  /**
   * Watches the folder and lists it once; no file is read yet.
   * @throws RdtError when the source or a folder in it that is not ignored cannot be read.
   */
  static async open(options: LocalFolderOptions, signal: AbortSignal): Promise<LocalFolder> {
    const { source, platform } = options;
    const rules = (): IgnoreRules => options.rules();
    const warn = once((message) => options.warn(message));
    const early: Hint[] = [];
    let onHint = (hint: Hint): void => void early.push(hint);
    const watcher = await options.openWatcher({
      source,
      onHint: (hint) => onHint(hint),
      onWarning: warn,
      onExhausted: ({ code, remedy }) => warn(`the system grants no more watches (${code}); ${remedy}`),
    });
    const index = new TreeIndex({ source, platform, warn, rules, entering: (path) => watcher.enter(path) });
    const folder = new LocalFolder(options, index, watcher);
    try {
      folder.dirty.add({ kind: 'all', reason: 'nothing is known yet' });
      await folder.look(signal);
    } catch (error) {
      await watcher[Symbol.asyncDispose]();
      throw error;
    }
    onHint = (hint) => folder.hear(hint);
    early.forEach(onHint);
    return folder;
  }

  /** How the folder is watched, for people. */
  get watching(): string {
    return this.watcher.description;
  }

  /**
   * Resolves when something may have changed and the folder is quiet; everything seen until then belongs to the batch.
   * Rejects only with the signal's reason.
   */
  async nextBatch(signal: AbortSignal): Promise<Batch> {
    for (;;) {
      signal.throwIfAborted();
      const { dueAtMs } = this.quiet;
      if (dueAtMs === undefined) await this.idle(signal);
      else await this.options.clock.sleep(Math.max(0, dueAtMs - this.now()), signal);
      // Timers come before events in Node's loop: what has happened by now is heard first.
      await nextTurn();
      const batch = this.settle();
      if (batch !== undefined) return batch;
    }
  }

  /**
   * Lists what may have changed, reads changed files, and returns the folder as it is. The tree is the same object as the last time when
   * nothing differs but time stamps, else a new one that shares its unchanged entries (layered-tree.ts).
   * `known` are files with trustworthy stamps, which then need not be read. One call at a time.
   * @throws RdtError when something cannot be read; what was to be looked at is kept for the next call.
   */
  async refresh(known: LocalTree | undefined, signal: AbortSignal): Promise<LocalState> {
    const scannedAtMs = this.options.clock.wallMs();
    await this.look(signal);
    await this.letEmptiesFill(signal);
    const tree = await this.keeper.read(known, signal);
    const { options } = this;
    return { tree, scannedAtMs, isIgnored: lazily(() => ignoredNow(options.source, options.rules())) };
  }

  /** What the last refresh gave has arrived where it should. */
  confirm(): void {
    this.unconfirmed = new DirtyFolders();
  }

  /**
   * The last refresh could not be used: the next one looks again at everything since the last `confirm()`.
   * It is the caller that knows when to try again: `nextBatch` waits for new events.
   */
  distrust(): void {
    this.dirty.merge(this.unconfirmed);
    this.confirm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watcher[Symbol.asyncDispose]();
  }

  /** Lists dirty folders. Events that come meanwhile are for the next time. */
  private async look(signal: AbortSignal): Promise<void> {
    const { dirty } = this;
    this.dirty = new DirtyFolders();
    this.unconfirmed.merge(dirty);
    const startMs = this.now();
    try {
      const findings = await new Turns(signal).take(this.index.look(dirty));
      for (const folder of this.keeper.take(findings)) this.watcher.leave(folder);
      this.leaveEarly();
    } catch (error) {
      this.dirty.merge(dirty);
      throw error;
    }
    if (dirty.all) this.idleLookMs = idleLookMs(this.now() - startMs);
  }

  /** Most programs open a file, which empties it, and then write: a look that comes between the two looks again. */
  private async letEmptiesFill(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    const endMs = this.now() + FILLED_AT_MOST_MS;
    while (this.now() < endMs) {
      const emptiedAtMs = this.keeper.lastEmptiedAtMs();
      if (emptiedAtMs === undefined) return;
      const leftMs = emptiedAtMs + FILLED_MS - clock.wallMs();
      // A stamp of the future tells nothing; one of this very moment is ahead of a clock of whole milliseconds.
      if (leftMs <= 0 || leftMs > FILLED_MS + 1) return;
      await clock.sleep(leftMs, signal);
      await nextTurn();
      await this.look(signal);
    }
  }

  /** Those that went again, or turned out to be ignored. */
  private leaveEarly(): void {
    for (const folder of this.early) if (!this.index.hasFolder(folder)) this.watcher.leave(folder);
    this.early.clear();
  }

  private hear(hint: Hint): void {
    if (hint.kind === 'folder' && hint.name !== undefined) {
      const path = below(hint.path, hint.name);
      if (this.index.isIgnored(hint.path, path)) return;
      this.quiet.touch(path, this.now());
    } else {
      this.quiet.touch(undefined, this.now());
    }
    this.dirty.add(hint);
    this.wake();
  }

  /** The batch, if it is over. */
  private settle(): Batch | undefined {
    const { firstEventAtMs } = this.quiet;
    const nowMs = this.now();
    if (firstEventAtMs === undefined || !this.isDue(nowMs) || !this.isSettled(nowMs)) return undefined;
    this.quiet.clear();
    return { firstEventAtMs, settledAtMs: nowMs };
  }

  /** Waits for the first event, or until it is time to look for oneself. */
  private async idle(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const over = new AbortController();
    const end = (): void => over.abort();
    signal.addEventListener('abort', end);
    this.wake = end;
    try {
      await this.options.clock.sleep(this.idleLookMs, over.signal);
      this.hear({ kind: 'all', reason: 'nothing was heard for long' });
    } catch (error) {
      if (!over.signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', end);
      this.wake = () => undefined;
    }
  }

  private isDue(nowMs: number): boolean {
    const { dueAtMs } = this.quiet;
    return dueAtMs !== undefined && dueAtMs <= nowMs;
  }

  private isSettled(nowMs: number): boolean {
    const { oneSave, firstEventAtMs = nowMs } = this.quiet;
    if (oneSave !== undefined) {
      if (this.isFinishedSave(oneSave)) return !this.isHeld(nowMs, firstEventAtMs);
      this.quiet.doubt();
    }
    if (!this.isDue(nowMs)) return false;
    if (this.enterNewFolders(nowMs)) {
      this.quiet.touch(undefined, nowMs);
      if (!this.isDue(nowMs)) return false;
    }
    return !this.isHeld(nowMs, firstEventAtMs);
  }

  /** Git is at work in the folder. */
  private isHeld(nowMs: number, firstEventAtMs: number): boolean {
    // A folder may become a repository while it is watched.
    this.gitLock ??= gitLockOf(this.options.source);
    if (this.gitLock === undefined || nowMs - firstEventAtMs >= HOLD_AT_MOST_MS) return false;
    if (!isLocked(this.gitLock, this.options.clock.wallMs())) return false;
    this.quiet.hold(nowMs);
    return true;
  }

  /** What goes on in a new folder is heard from now on: a copy or a checkout is not over because it went there. */
  private enterNewFolders(nowMs: number): boolean {
    let found = false;
    const isOver = (): boolean => this.now() - nowMs > EARLY_MS;
    for (const folder of this.index.newFolders(this.dirty, isOver)) {
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

const below = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

function once(warn: (message: string) => void): (message: string) => void {
  const said = new Set<string>();
  return (message) => {
    if (said.has(message)) return;
    said.add(message);
    warn(message);
  };
}

const idleLookMs = (lookMs: number): number =>
  Math.min(Math.max(IDLE_LOOK_MS, lookMs * IDLE_SHARE), IDLE_LOOK_AT_LEAST_MS);

/** Most batches delete nothing, and then nobody asks. */
function lazily(make: () => LocalState['isIgnored']): LocalState['isIgnored'] {
  let made: LocalState['isIgnored'] | undefined;
  return (path, isDirectory) => (made ??= make())(path, isDirectory);
}
