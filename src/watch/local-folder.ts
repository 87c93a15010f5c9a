import { posix } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../runtime.js';
import type { IgnoreRules } from '../sync/ignore-rules.js';
import { ignoredNow, type LocalState } from '../sync/local-state.js';
import { type LocalTree, parentOf } from '../sync/tree.js';
import { Turns } from '../sync/turns.js';
import { DirtyFolders } from './dirty-folders.js';
import { IdleLook } from './idle-look.js';
import { LocalTreeKeeper } from './local-tree-keeper.js';
import { type Batch, Settling } from './settling.js';
import { SourcePlace } from './source-place.js';
import { TreeIndex } from './tree-index.js';
import type { Hint, OpenWatcher, Watcher } from './watcher.js';
import { YoungFiles } from './young-files.js';

/** A file that was emptied has its content after this time, or is meant to be empty. */
const FILLED_MS = 25;
/** However many are emptied one after the other. */
const FILLED_AT_MOST_MS = 250;

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

/** The folder on the laptop while it is watched: says when something changed, and then what it holds. */
export class LocalFolder implements AsyncDisposable {
  private dirty = new DirtyFolders();
  /** What was looked at since the last `confirm()`. */
  private unconfirmed = new DirtyFolders();
  private readonly settling: Settling;
  private readonly keeper: LocalTreeKeeper;
  private readonly place: SourcePlace;
  private readonly young: YoungFiles;
  private readonly idleLook = new IdleLook();
  private wake: () => void = () => undefined;
  /** Ends with the look that goes on: there is never more than one at a time. */
  private turn: Promise<void> | undefined;

  private constructor(
    private readonly options: LocalFolderOptions,
    private readonly index: TreeIndex,
    private readonly watcher: Watcher,
    warn: (message: string) => void,
  ) {
    this.keeper = new LocalTreeKeeper(options.source, index, warn);
    this.place = new SourcePlace(options.source);
    this.young = new YoungFiles(options.source);
    this.settling = new Settling({ ...options, warn }, index, watcher);
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
    const folder = new LocalFolder(options, index, watcher, warn);
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
      const { dueInMs } = this.settling;
      if (dueInMs === undefined) await this.idle(signal);
      else await this.options.clock.sleep(dueInMs, signal);
      // Timers come before events in Node's loop: what has happened by now is heard first.
      await nextTurn();
      const batch = this.settling.settle(this.dirty);
      if (batch === undefined) continue;
      this.young.take(batch.settledAtMs);
      return batch;
    }
  }

  /**
   * Lists what may have changed, reads changed files, and returns the folder as it is. The tree is the same object as the last time when
   * nothing differs but time stamps, else a new one that shares its unchanged entries (layered-tree.ts).
   * `known` are files with trustworthy stamps, which then need not be read.
   * A file that cannot be read any more stays as it was, and is told of.
   * @throws RdtError when something else cannot be read, or the source has gone; what was to be looked at is kept for the next call.
   */
  refresh(known: LocalTree | undefined, signal: AbortSignal): Promise<LocalState> {
    return this.inTurn(() => this.lookAndRead(known, signal));
  }

  /**
   * Another number when the folder is not as it was: events tell only that it may not be. Nothing is read but names and stamps.
   * @throws as `refresh`.
   */
  edition(signal: AbortSignal): Promise<number> {
    return this.inTurn(async () => {
      await this.look(signal);
      return this.keeper.edition;
    });
  }

  /** Notices when the source leads to another folder, of which no event tells. Costs one stat. */
  glance(): void {
    if (this.place.hasMoved) this.hear({ kind: 'all', reason: 'the source leads elsewhere' });
  }

  /** The next look is at everything, also where nothing was heard of. */
  lookAtAll(): void {
    this.dirty.add({ kind: 'all', reason: 'somebody has to be sure' });
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.turn !== undefined) await this.turn;
    const result = work();
    const end = (): void => (this.turn = undefined);
    this.turn = result.then(end, end);
    return result;
  }

  private async lookAndRead(known: LocalTree | undefined, signal: AbortSignal): Promise<LocalState> {
    const { options } = this;
    for (;;) {
      const scannedAtMs = options.clock.wallMs();
      await this.look(signal);
      await this.letEmptiesFill(signal);
      const tree = await this.keeper.read(known, signal);
      // What was read may be of one folder, and what was listed of another.
      if (this.place.hasMoved) continue;
      return { tree, scannedAtMs, isIgnored: lazily(() => ignoredNow(options.source, options.rules())) };
    }
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
    if (this.place.see()) this.beginAnew(dirty);
    this.unconfirmed.merge(dirty);
    const startMs = this.now();
    try {
      const findings = await new Turns(signal).take(this.index.look(dirty));
      if (this.place.hasMoved) {
        this.dirty.merge(dirty);
        await this.look(signal);
        return;
      }
      this.place.believe(findings);
      for (const folder of this.keeper.take(findings)) this.watcher.leave(folder);
      this.settling.leaveEarly();
    } catch (error) {
      this.dirty.merge(dirty);
      throw error;
    }
    if (dirty.all) this.idleLook.done(startMs, this.now());
  }

  /** Nothing that is known is of the folder that the source leads to now, nor is it watched. */
  private beginAnew(dirty: DirtyFolders): void {
    for (const folder of this.keeper.forget()) this.watcher.leave(folder);
    dirty.add({ kind: 'all', reason: 'the source leads elsewhere' });
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

  private hear(hint: Hint): void {
    if (hint.kind === 'folder' && hint.name !== undefined) {
      const path = below(hint.path, hint.name);
      if (this.index.isIgnored(hint.path, path)) return;
      this.settling.hear(path);
      this.young.hear(path);
    } else {
      this.settling.hear(undefined);
    }
    this.idleLook.hear(this.now());
    this.dirty.add(hint);
    this.wake();
  }

  /** Waits for the first event, or until it is time to look for oneself. */
  private async idle(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const over = new AbortController();
    const end = (): void => over.abort();
    signal.addEventListener('abort', end);
    this.wake = end;
    try {
      const dueAtMs = Math.min(this.idleLook.dueAtMs, this.young.dueAtMs ?? Infinity);
      await this.options.clock.sleep(Math.max(0, dueAtMs - this.now()), over.signal);
      this.lookAtYoung();
      if (this.idleLook.dueAtMs <= this.now()) this.lookAfterLong();
    } catch (error) {
      if (!over.signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', end);
      this.wake = () => undefined;
    }
  }

  private lookAtYoung(): void {
    for (const path of this.young.changed(this.now()))
      this.hear({ kind: 'folder', path: parentOf(path), name: posix.basename(path) });
  }

  private lookAfterLong(): void {
    this.idleLook.begin(this.now());
    this.hear({ kind: 'all', reason: 'nothing was heard for long' });
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

/** Most batches delete nothing, and then nobody asks. */
function lazily(make: () => LocalState['isIgnored']): LocalState['isIgnored'] {
  let made: LocalState['isIgnored'] | undefined;
  return (path, isDirectory) => (made ??= make())(path, isDirectory);
}
