import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../runtime.js';
import { statIfThere } from '../../sync/file-content.js';
import { isRacy } from '../../sync/tree.js';
import { Turns } from '../../sync/turns.js';
import type { Watcher, WatcherOptions } from '../watcher.js';

/** One part of this is the most that polling takes of a processor. */
const SHARE = 10;

/**
 * Looks at every folder again and again, where the system tells nothing: network file systems, or more folders than it watches.
 * Not by `fs.watchFile`, as chokidar does it: that knows no change of permissions, and takes a timer and a thread's call for each file.
 */
export class PollingWatcher implements Watcher {
  readonly description: string;
  /** Folder -> how it looked the last time; undefined when it was not looked at since it was entered. */
  private readonly looks = new Map<string, string | undefined>();
  private readonly over = new AbortController();
  private readonly polling: Promise<void>;

  constructor(
    private readonly options: WatcherOptions,
    private readonly clock: Clock,
    private readonly everyMs: number,
  ) {
    this.description = `polling every ${everyMs / 1000} s`;
    this.polling = this.poll();
  }

  enter(folder: string): void {
    // Nobody knows what the walk will find: so the first look is told.
    if (!this.looks.has(folder)) this.looks.set(folder, undefined);
  }

  leave(folder: string): void {
    this.looks.delete(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.over.abort();
    await this.polling;
  }

  private async poll(): Promise<void> {
    const { signal } = this.over;
    let pauseMs = this.everyMs;
    try {
      for (;;) {
        await this.clock.sleep(pauseMs, signal);
        const startMs = this.clock.monotonicMs();
        await new Turns(signal).take(this.lookAtAll());
        pauseMs = Math.max(this.everyMs, (this.clock.monotonicMs() - startMs) * SHARE);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private *lookAtAll(): Generator<void> {
    for (const [folder, before] of this.looks) {
      const now = lookAt(join(this.options.source, folder));
      if (now === undefined || now !== before) {
        this.looks.set(folder, now);
        this.options.onHint({ kind: 'folder', path: folder });
      }
      yield;
    }
  }
}

/** Equal as long as no entry came, went, or was written to; undefined when that cannot be told yet. */
function lookAt(folder: string): string | undefined {
  const nowMs = Date.now();
  let isYoung = false;
  const hash = createHash('sha1');
  for (const name of namesIn(folder).sort()) {
    const stats = statIfThere(join(folder, name));
    if (stats === undefined) continue;
    const { mtimeMs, ctimeMs, ino, size } = stats;
    isYoung ||= isRacy(stats, nowMs);
    // A folder's own time changes with what is in it, which is told of itself.
    hash.update(
      stats.isDirectory()
        ? `${name}/${ino}/${stats.mode}\n`
        : `${name}/${mtimeMs}/${ctimeMs}/${ino}/${size}\n`,
    );
  }
  return isYoung ? undefined : hash.digest('base64');
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Gone, or not readable: the walk says so to whom it concerns.
    return [];
  }
}
