import { basename, dirname, join, relative, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { statIfThere } from '../../sync/file-content.js';
import type { Watcher, WatcherOptions } from '../watcher.js';

/** It opens a file for each that it watches. */
const LIMITS: ReadonlySet<string> = new Set(['ENOSPC', 'EMFILE', 'ENFILE']);
const REMEDY = 'raise it with: ulimit -n 65536';

/** For macOS and Windows, where chokidar knows what their events mean. */
export class ChokidarWatcher implements Watcher {
  readonly description = 'file events';
  /** Folder -> what tells it from a later one of the same name. */
  private readonly entered = new Map<string, string>();
  private exhausted = false;

  private constructor(
    private readonly options: WatcherOptions,
    private readonly watcher: FSWatcher,
  ) {
    watcher.on('all', (event, path) => this.hear(path, event === 'change' || event.startsWith('unlink')));
    watcher.on('raw', (_event, path, details: unknown) => this.hearRaw(path, details));
    watcher.on('error', (error) => this.fail(error));
  }

  static async open(options: WatcherOptions): Promise<ChokidarWatcher> {
    const { watch } = await import('chokidar');
    const watcher = watch([], {
      // Whether a folder is watched is said by `enter`.
      depth: 0,
      followSymlinks: false,
      // It watches a while after it is told to: what it finds then is looked at again, so that nothing before it is missed.
      ignoreInitial: false,
      atomic: false,
      ignorePermissionErrors: true,
    });
    return new ChokidarWatcher(options, watcher);
  }

  enter(folder: string): void {
    const absolute = join(this.options.source, folder);
    const identity = identityOf(absolute);
    if (this.exhausted || this.entered.get(folder) === identity) return;
    this.leave(folder);
    if (identity === undefined) return;
    this.entered.set(folder, identity);
    this.watcher.add(absolute);
  }

  leave(folder: string): void {
    if (this.entered.delete(folder)) this.watcher.unwatch(join(this.options.source, folder));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.watcher.close();
  }

  /** `isNamed`: this very entry changed; otherwise it may just have been found. */
  private hear(absolute: string, isNamed: boolean): void {
    const path = this.relative(absolute);
    const parent = dirname(path);
    const folder = parent === '.' ? '' : parent;
    // It goes on for a while to watch files of a folder that was left, and watches what it finds in a folder from outside.
    if (this.exhausted || !this.entered.has(folder)) return;
    this.options.onHint({ kind: 'folder', path: folder, ...(isNamed ? { name: basename(path) } : {}) });
  }

  /** Changes that chokidar itself takes for none, such as of permissions. */
  private hearRaw(path: string, details: unknown): void {
    const watched = watchedPathOf(details);
    if (watched !== undefined) this.hear(watched.endsWith(path) ? watched : join(watched, path), true);
  }

  private fail(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (this.exhausted) return;
    if (!LIMITS.has(code)) {
      this.options.onWarning(`part of the folder cannot be watched: ${String(error)}`);
      return;
    }
    this.exhausted = true;
    this.options.onExhausted({ code, remedy: REMEDY });
  }

  private relative(absolute: string): string {
    return relative(this.options.source, absolute).split(sep).join('/');
  }
}

const watchedPathOf = (details: unknown): string | undefined =>
  typeof details === 'object' && details !== null && 'watchedPath' in details
    ? String(details.watchedPath)
    : undefined;

function identityOf(path: string): string | undefined {
  const stats = statIfThere(path);
  return stats === undefined ? undefined : `${stats.dev} ${stats.ino} ${stats.birthtimeMs}`;
}
