import { join } from 'node:path';
import { statIfThere } from '../sync/file-content.js';

/** After a change is taken in, and so long after each look that found nothing new. */
const PAUSES_MS = [100, 400, 1_500];
/** What a build or a checkout leaves is many more. */
const MOST_PATHS = 32;

interface Young {
  /** As it was when the look was due. */
  readonly stamp: string;
  readonly looks: number;
  readonly dueAtMs: number;
}

/**
 * Files that were just changed, to be looked at a few times more: a program that writes by a mapping of the file (`mmap`, such as some linkers)
 * makes no event for what comes after the first, and it is the time of the file alone that tells. Times are milliseconds of the monotonic clock.
 */
export class YoungFiles {
  private readonly heard = new Set<string>();
  private readonly files = new Map<string, Young>();

  constructor(private readonly source: string) {}

  hear(path: string): void {
    if (this.heard.size <= MOST_PATHS) this.heard.add(path);
  }

  /** What was heard of is about to be read. */
  take(nowMs: number): void {
    if (this.heard.size <= MOST_PATHS) for (const path of this.heard) this.lookLater(path, 0, nowMs);
    this.heard.clear();
  }

  /** Undefined when nothing is to be looked at. */
  get dueAtMs(): number | undefined {
    const due = Array.from(this.files.values(), ({ dueAtMs }) => dueAtMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Those that are due, and not as they were. */
  changed(nowMs: number): readonly string[] {
    const due = [...this.files].filter(([, { dueAtMs }]) => dueAtMs <= nowMs);
    return due.flatMap(([path, { stamp, looks }]) => {
      const now = this.lookLater(path, looks + 1, nowMs);
      return now === stamp ? [] : [path];
    });
  }

  /** Answers what it is now. */
  private lookLater(path: string, looks: number, nowMs: number): string | undefined {
    const stamp = this.stampOf(path);
    const pauseMs = PAUSES_MS[looks];
    if (stamp === undefined || pauseMs === undefined) this.files.delete(path);
    else this.files.set(path, { stamp, looks, dueAtMs: nowMs + pauseMs });
    return stamp;
  }

  private stampOf(path: string): string | undefined {
    const stats = statIfThere(join(this.source, path));
    return stats?.isFile() === true ? `${stats.ino} ${stats.size} ${stats.mtimeMs}` : undefined;
  }
}
