/** Something below may have changed. Hints only: a missed one costs time, never truth. */
export type Hint =
  /** `path` is relative to the source, `''` for the source itself; `name` is the entry in it, where the system tells. */
  | { readonly kind: 'folder'; readonly path: string; readonly name?: string }
  /** Anything may have changed: an overflow, a new way of watching. */
  | { readonly kind: 'all'; readonly reason: string };

/** Tells when to look at a folder again. Folders that nobody entered are not watched, nor is what a symbolic link leads to. */
export interface Watcher extends AsyncDisposable {
  /** How it watches, for people: `inotify`, `polling every 1 s`. */
  readonly description: string;
  /**
   * Called by the walk BEFORE it lists a folder (relative to the source), so that nothing between the two is missed. May be called
   * again at any time; then it also takes a folder that was replaced by another of the same name.
   */
  enter(folder: string): void;
  /** The folder is not part of the tree any more: deleted, or ignored now. */
  leave(folder: string): void;
}

/** `code` is that of the system call (`ENOSPC`, `EMFILE`); `remedy` says to a person what raises the limit. */
export interface Limit {
  readonly code: string;
  readonly remedy: string;
}

export interface WatcherOptions {
  /** Absolute path. */
  readonly source: string;
  onHint(hint: Hint): void;
  onWarning(message: string): void;
  /** The system grants no more watches: from now on hints are missing. Called once; nothing else follows it. */
  onExhausted(limit: Limit): void;
}

export type OpenWatcher = (options: WatcherOptions) => Promise<Watcher>;
