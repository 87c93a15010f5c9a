import type { SyncPlan } from '../sync/sync-plan.js';

/** A file that was being written to is looked at again after this, whatever its events say. */
const FIRST_PAUSE_MS = 100;
/** Each further time, the pause is twice as long. */
const LONGEST_PAUSE_MS = 3_200;
/** So often it is also looked at when an event tells of it: mostly it is at rest by then. */
const AT_ONCE = 3;
/** What takes longer is no copy or download that comes to its end. */
const TOLD_AFTER_MS = 15_000;
/** However long one sync takes. */
const TOLD_AFTER_TIMES = 4;

interface Changing {
  readonly sinceMs: number;
  readonly times: number;
}

/** Files that could not be sent because they were written to meanwhile. */
export class ChangingFiles {
  private files = new Map<string, Changing>();
  private readonly told = new Set<string>();
  /** Of the last batch; undefined when it is over, or there was nothing to wait for. */
  private pause: object | undefined;

  /** Takes what was not at rest in a batch, by the monotonic clock; returns those that are to be told of, each no more than once. */
  hear(changing: readonly string[], nowMs: number): readonly string[] {
    const before = this.files;
    this.pause = undefined;
    this.files = new Map(
      changing.map((path): [string, Changing] => {
        const { sinceMs, times } = before.get(path) ?? { sinceMs: nowMs, times: 0 };
        return [path, { sinceMs, times: times + 1 }];
      }),
    );
    return changing.filter((path) => this.isToBeTold(path, nowMs));
  }

  /** To be called after `hear`. `end` tells whether no other batch has come between, and everything is to be looked at. */
  beginPause(): { readonly ms: number; end(): boolean } {
    const pause = {};
    this.pause = pause;
    const end = (): boolean => {
      if (this.pause !== pause) return false;
      this.pause = undefined;
      return true;
    };
    return { ms: Math.min(FIRST_PAUSE_MS * 2 ** (this.fewestTimes() - 1), LONGEST_PAUSE_MS), end };
  }

  /** Nothing is to be sent but what has to wait for the end of the pause. */
  mustWait({ uploads, deletions, obstacles }: SyncPlan): boolean {
    if (this.pause === undefined || this.fewestTimes() < AT_ONCE) return false;
    return deletions.length + obstacles.length === 0 && uploads.every((path) => this.files.has(path));
  }

  private isToBeTold(path: string, nowMs: number): boolean {
    const file = this.files.get(path);
    if (file === undefined || this.told.has(path)) return false;
    if (file.times < TOLD_AFTER_TIMES || nowMs - file.sinceMs < TOLD_AFTER_MS) return false;
    this.told.add(path);
    return true;
  }

  private fewestTimes(): number {
    return Math.min(...Array.from(this.files.values(), ({ times }) => times));
  }
}
