import { basename, dirname, join, relative, sep } from 'node:path';
import type { FSWatcher, watch } from 'chokidar';
import { identityOf } from '../folder-identity.js';
import type { Watcher, WatcherOptions } from '../watcher.js';
import { errorCode } from '../../system-error.js';

interface Entered {
  readonly watcher: FSWatcher;
  /** Tells the folder from a later one of the same name. */
  readonly identity: string;
  /** The folder itself was moved or deleted: chokidar may watch nothing at this path any more. */
  moved: boolean;
}

/** It opens a file for each that it watches. */
const LIMITS: ReadonlySet<string> = new Set(['ENOSPC', 'EMFILE', 'ENFILE']);
/** Not `ulimit -n`: Node itself takes all that it may have of that when it starts (nodejs/node#51072). */
const REMEDY = 'raise it with: sudo sysctl kern.maxfiles=400000 kern.maxfilesperproc=200000';

/**
 * For macOS, where chokidar knows what the events mean. One chokidar for each folder and the files in it: a single one
 * for all loses folders that are replaced, because it shares what it watches between a folder and the one above it.
 */
export class ChokidarWatcher implements Watcher {
  readonly description = 'file events';
  private readonly entered = new Map<string, Entered>();
  private readonly closing = new Set<Promise<void>>();
  private exhausted = false;

  private constructor(
    private readonly options: WatcherOptions,
    private readonly chokidar: { watch: typeof watch },
  ) {}

  static async open(options: WatcherOptions): Promise<ChokidarWatcher> {
    return new ChokidarWatcher(options, await import('chokidar'));
  }

  enter(folder: string): void {
    const absolute = join(this.options.source, folder);
    const identity = identityOf(absolute);
    const before = this.entered.get(folder);
    if (this.exhausted || (before?.identity === identity && before?.moved !== true)) return;
    this.leave(folder);
    if (identity !== undefined)
      this.entered.set(folder, { watcher: this.watch(folder, absolute), identity, moved: false });
  }

  leave(folder: string): void {
    const watcher = this.entered.get(folder)?.watcher;
    if (watcher === undefined) return;
    this.entered.delete(folder);
    const closing = watcher.close().finally(() => this.closing.delete(closing));
    this.closing.add(closing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of [...this.entered.keys()]) this.leave(folder);
    await Promise.all(this.closing);
  }

  private watch(folder: string, absolute: string): FSWatcher {
    const watcher = this.chokidar.watch(absolute, {
      depth: 0,
      // Folders in it are entered by themselves; that one came or went is told by a raw event.
      ignored: (path, stats) => path !== absolute && stats?.isDirectory() === true,
      followSymlinks: false,
      // It watches a while after it is told to: what it finds then is looked at again, so that nothing before it is missed.
      ignoreInitial: false,
      atomic: false,
      ignorePermissionErrors: true,
    });
    watcher.on('all', (event, path) => {
      if (event === 'unlinkDir') this.mistrust(folder);
      this.hear(folder, path, event === 'change' || event === 'unlink');
    });
    // It lists a folder before it watches it: what came between is neither found nor told.
    watcher.on('ready', () => this.hear(folder, absolute, false));
    watcher.on('raw', (event: unknown, name: unknown, details: unknown) => {
      if (event === 'rename' && name === basename(absolute)) this.mistrust(folder);
      this.hearRaw(folder, name, details);
    });
    watcher.on('error', (error) => this.fail(error));
    return watcher;
  }

  private mistrust(folder: string): void {
    const entered = this.entered.get(folder);
    if (entered !== undefined) entered.moved = true;
  }

  /** `isNamed`: this very entry changed; otherwise it may just have been found. */
  private hear(folder: string, absolute: string, isNamed: boolean): void {
    if (this.exhausted || !this.entered.has(folder)) return;
    const path = relative(this.options.source, absolute).split(sep).join('/');
    const parent = dirname(path);
    const name =
      isNamed && path !== folder && (parent === '.' ? '' : parent) === folder ? basename(path) : undefined;
    this.options.onHint({ kind: 'folder', path: folder, ...(name === undefined ? {} : { name }) });
  }

  /** Changes that chokidar itself takes for none, such as of permissions. `name` may be missing, and may be that of the watched path itself. */
  private hearRaw(folder: string, name: unknown, details: unknown): void {
    const watched = watchedPathOf(details);
    if (watched === undefined) return;
    const isInner = typeof name === 'string' && name !== '' && name !== basename(watched);
    this.hear(folder, isInner ? join(watched, name) : watched, true);
  }

  private fail(error: unknown): void {
    const code = errorCode(error) ?? '';
    if (this.exhausted) return;
    if (!LIMITS.has(code)) {
      this.options.onWarning(`part of the folder cannot be watched: ${String(error)}`);
      return;
    }
    this.exhausted = true;
    this.options.onExhausted({ code, remedy: REMEDY });
  }
}

const watchedPathOf = (details: unknown): string | undefined =>
  typeof details === 'object' && details !== null && 'watchedPath' in details
    ? String(details.watchedPath)
    : undefined;
