/** So often within so long: nobody saves like that by hand. */
const BATCHES = 15;
const WITHIN_MS = 20_000;
/** More at once is a checkout, or a build. */
const MOST_PATHS = 10;

/** Finds the files that a program writes to, a log for example: each time the app is restarted. */
export class RestlessPaths {
  /** When they came with a batch lately, in ms of the monotonic clock. */
  private readonly lately = new Map<string, readonly number[]>();
  private readonly found = new Set<string>();

  /** @returns those of a batch's paths that are found by it, each no more than once. */
  hear(paths: readonly string[], nowMs: number): readonly string[] {
    for (const [path, times] of this.lately) if (!isLately(times.at(-1), nowMs)) this.lately.delete(path);
    if (paths.length > MOST_PATHS) return [];
    return paths.filter((path) => {
      const times = [...(this.lately.get(path) ?? []), nowMs].filter((time) => isLately(time, nowMs));
      this.lately.set(path, times);
      if (times.length < BATCHES || this.found.has(path)) return false;
      this.found.add(path);
      return true;
    });
  }
}

const isLately = (time: number | undefined, nowMs: number): boolean =>
  time !== undefined && nowMs - time < WITHIN_MS;
