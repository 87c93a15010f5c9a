/** After this long without an event one saved file is taken as it is. */
const ONE_SAVE_MS = 4;
/** As soon as more than one path is touched: what a checkout or a copy leaves between two files is shorter. */
const FULL_MS = 25;
/** However long events keep coming, what is there by then is sent. */
const MOST_MS = 250;
/** One that is written again so soon after it was taken was taken too soon. */
const AGAIN_MS = 100;
/** An atomic save touches the file, and the temporary files that it is written to and kept in. */
const FEW_PATHS = 4;

/** Tells when a burst of changes is over. Times are milliseconds of a clock that never goes back. */
export class QuietPeriod {
  private firstMs: number | undefined;
  private lastMs = 0;
  /** From when on the longest time counts. */
  private boundMs = 0;
  private mayBeOneSave = true;
  private readonly paths = new Set<string>();
  /** Of the last single save. */
  private taken: ReadonlySet<string> = new Set();

  /** `path` is undefined when it is unknown what was touched, or when it is many. */
  touch(path: string | undefined, atMs: number): void {
    if (this.firstMs === undefined) {
      this.firstMs = this.boundMs = atMs;
      if (path !== undefined && this.taken.has(path) && atMs - this.lastMs < AGAIN_MS) this.doubt();
    }
    this.lastMs = atMs;
    if (!this.mayBeOneSave) return;
    if (path !== undefined) this.paths.add(path);
    if (path === undefined || this.paths.size > FEW_PATHS) this.doubt();
  }

  /** The paths of what may be the save of a single file; undefined when it is more than that. */
  get oneSave(): ReadonlySet<string> | undefined {
    return this.mayBeOneSave ? this.paths : undefined;
  }

  /** It is no save of a single file, or not finished: takes the full time. */
  doubt(): void {
    this.mayBeOneSave = false;
    this.paths.clear();
  }

  /** Somebody is known to be at work: the full time begins anew. */
  hold(atMs: number): void {
    this.doubt();
    this.lastMs = this.boundMs = atMs;
  }

  get firstEventAtMs(): number | undefined {
    return this.firstMs;
  }

  /** When what was touched may be looked at; undefined as long as nothing was. Moves on with every event. */
  get dueAtMs(): number | undefined {
    if (this.firstMs === undefined) return undefined;
    return Math.min(this.lastMs + (this.mayBeOneSave ? ONE_SAVE_MS : FULL_MS), this.boundMs + MOST_MS);
  }

  /** Begins anew. */
  clear(): void {
    this.firstMs = undefined;
    if (this.mayBeOneSave) this.taken = new Set(this.paths);
    this.mayBeOneSave = true;
    this.paths.clear();
  }
}
