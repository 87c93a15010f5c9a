import { watch } from 'node:fs';
import { posix, sep } from 'node:path';
import { identityOf } from '../folder-identity.js';
import { errorCode, isGone } from '../../system-error.js';
import type { Watcher, WatcherOptions } from '../watcher.js';

/** The part of `fs.watch` that is used here: a folder and all that is below it. */
export type WatchTree = (
  path: string,
  listener: (event: string, name: string | null) => void,
) => { close(): void; on(event: 'error', listener: (error: Error) => void): unknown };

interface Opened {
  readonly handle: ReturnType<WatchTree>;
  /** Tells the source from a later one at the same path. */
  readonly identity: string | undefined;
}

/**
 * One `fs.watch` for the whole source. For Windows, whose own way that is: while a folder is open there, and so while it is watched by
 * itself, none of those above it can be renamed (paulmillr/chokidar#1380).
 */
export class RecursiveWatcher implements Watcher {
  readonly description = 'file events';
  private readonly entered = new Set<string>();
  private opened: Opened | undefined;
  private exhausted = false;

  constructor(
    private readonly options: WatcherOptions,
    private readonly watchTree: WatchTree = (path, listener) => watch(path, { recursive: true }, listener),
  ) {}

  enter(folder: string): void {
    this.entered.add(folder);
    if (folder === '' || this.opened === undefined) this.watchSource();
  }

  leave(folder: string): void {
    this.entered.delete(folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  private watchSource(): void {
    const { source } = this.options;
    const identity = identityOf(source);
    if (this.exhausted || (this.opened !== undefined && this.opened.identity === identity)) return;
    this.close();
    try {
      const handle = this.watchTree(source, (_, name) => this.hear(name));
      handle.on('error', (error) => this.fail(error));
      this.opened = { handle, identity };
    } catch (error) {
      if (!isGone(error)) this.giveUp(error);
    }
  }

  /** Without a name Windows had more to tell than there was room for. */
  private hear(name: string | null): void {
    if (name === null) {
      this.options.onHint({ kind: 'all', reason: 'more changed at once than the system can tell' });
      return;
    }
    const path = name.split(sep).join('/');
    const parent = posix.dirname(path);
    const folder = parent === '.' ? '' : parent;
    if (this.entered.has(folder))
      this.options.onHint({ kind: 'folder', path: folder, name: posix.basename(path) });
  }

  /** So Windows also tells that the source itself was deleted: the look that follows enters what is there by then. */
  private fail(error: Error): void {
    const watched = this.opened?.identity;
    this.close();
    if (watched === identityOf(this.options.source)) this.giveUp(error);
    else this.options.onHint({ kind: 'folder', path: '' });
  }

  private giveUp(error: unknown): void {
    this.exhausted = true;
    this.options.onExhausted({
      code: errorCode(error) ?? String(error),
      remedy: 'rdt tries again when it is started again',
    });
  }

  private close(): void {
    this.opened?.handle.close();
    this.opened = undefined;
  }
}
