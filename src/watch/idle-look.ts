/**
 * Events can be lost without a sign of it: by network file systems, containers, a bug. So all of the folder is looked at this often.
 */
const IDLE_LOOK_MS = 60_000;
/** When nothing was heard for so long. */
const QUIET_MS = 2_000;
/** A large one more rarely: no more of the time than 1 of this goes into it. */
const IDLE_SHARE = 400;
const IDLE_LOOK_AT_LEAST_MS = 600_000;

/** When all of the folder is to be looked at, although nothing was heard. Times are milliseconds of the monotonic clock. */
export class IdleLook {
  private everyMs = IDLE_LOOK_MS;
  private lastMs = 0;
  private heardMs = 0;

  get dueAtMs(): number {
    return Math.max(this.lastMs + this.everyMs, this.heardMs + QUIET_MS);
  }

  hear(nowMs: number): void {
    this.heardMs = nowMs;
  }

  /** It is about to be done. */
  begin(nowMs: number): void {
    this.lastMs = nowMs;
  }

  /** All was looked at, for whatever reason. */
  done(startMs: number, endMs: number): void {
    this.lastMs = endMs;
    this.everyMs = Math.min(Math.max(IDLE_LOOK_MS, (endMs - startMs) * IDLE_SHARE), IDLE_LOOK_AT_LEAST_MS);
  }
}
