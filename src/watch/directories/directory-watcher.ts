import { watch } from 'node:fs';
import { basename } from 'node:path';
import { identityOf } from '../folder-identity.js';
import type { Watcher, WatcherOptions } from '../watcher.js';
import { EventFlood } from './event-flood.js';
import { errorCode, isGone } from '../../system-error.js';

/** The part of `fs.watch` that is used here. */
export type WatchFolder = (
  path: string,
  listener: (event: string, name: string | null) => void,
) => { close(): void; on(event: 'error', listener: (error: Error) => void): unknown };

interface Armed {
  readonly handle: ReturnType<WatchFolder>;
  /**
   * Tells this folder from a later one at the same path, also when that one got the same inode number. Undefined the first time:
   * most folders are entered once, and need no look of their own.
   */
  readonly identity: string | undefined;
  /** The folder itself was moved or deleted: the system may watch nothing at this path any more. */
  moved: boolean;
}

/** Error code -> what raises the limit that was met. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'raise it with: sudo sysctl fs.inotify.max_user_watches=524288',
  EMFILE: 'raise it with: sudo sysctl fs.inotify.max_user_instances=1024',
};

/**
 * One `fs.watch` for each folder. For Linux, where it costs a tenth of a watch for each file and misses nothing
 * (SYNC.md, section 5); `fs.watch` with `recursive` loses folders that are replaced there (nodejs/node#48437).
 */
export class DirectoryWatcher implements Watcher {
  readonly description = 'inotify';
  private readonly armed = new Map<string, Armed>();
  private readonly flood: EventFlood;
  private exhausted = false;

  constructor(
    private readonly options: WatcherOptions,
    private readonly watchFolder: WatchFolder = (path, listener) => watch(path, listener),
    queueLength?: number,
  ) {
    this.flood = new EventFlood(queueLength);
  }

  enter(folder: string): void {
    if (this.exhausted) return;
    const before = this.armed.get(folder);
    // Looked at before it is watched: when it is exchanged in between, the next look finds another identity.
    const identity = before === undefined ? undefined : identityOf(this.absolute(folder));
    if (before !== undefined && identity !== undefined && !before.moved && before.identity === identity)
      return;
    this.leave(folder);
    this.arm(folder, identity);
  }

  leave(folder: string): void {
    this.armed.get(folder)?.handle.close();
    this.armed.delete(folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const { handle } of this.armed.values()) handle.close();
    this.armed.clear();
    return Promise.resolve();
  }

  private arm(folder: string, identity: string | undefined): void {
    const path = this.absolute(folder);
    const own = basename(path);
    try {
      const handle = this.watchFolder(path, (event, name) => this.hear(folder, own, event, name));
      handle.on('error', (error) => this.fail(folder, error));
      this.armed.set(folder, { handle, identity, moved: false });
    } catch (error) {
      this.fail(folder, error);
    }
  }

  private hear(folder: string, own: string, event: string, name: string | null): void {
    if (this.exhausted || this.flood.isOver()) return;
    if (this.flood.begins()) {
      this.options.onHint({ kind: 'all', reason: 'more changed at once than the system can tell' });
      return;
    }
    // What happens to the folder itself is told under its own name, which an entry in it may have too.
    if (event === 'rename' && (name === null || name === own)) this.mistrust(folder);
    this.options.onHint({ kind: 'folder', path: folder, ...(name === null ? {} : { name }) });
  }

  private mistrust(folder: string): void {
    const armed = this.armed.get(folder);
    if (armed !== undefined) armed.moved = true;
  }

  private fail(folder: string, error: unknown): void {
    // Gone again: the folder that it was in tells.
    if (isGone(error)) return;
    const code = errorCode(error) ?? '';
    const remedy = REMEDIES[code];
    if (remedy === undefined) {
      this.options.onWarning(`${this.absolute(folder)} cannot be watched: ${String(error)}`);
      return;
    }
    if (this.exhausted) return;
    this.exhausted = true;
    this.options.onExhausted({ code, remedy });
  }

  private absolute(folder: string): string {
    return folder === '' ? this.options.source : `${this.options.source}/${folder}`;
  }
}
