import { constants } from 'node:zlib';

/** What goes by before anything is measured: it only fills the buffers of sockets on the way. */
const UNMEASURED_BYTES = 1024 * 1024;
const MEASURED_BYTES = 3 * 1024 * 1024;

/** The link is worth a trial without compression when it took so much less time than compressing did. */
const FAST_LINK_SHARE = 0.25;

interface Measurement {
  bytes: number;
  makingMs: number;
  takingMs: number;
}

const nothing = (): Measurement => ({ bytes: 0, makingMs: 0, takingMs: 0 });

/**
 * Which gzip level is faster on this link, found out on the way. It begins at level 1. When the link hardly ever made it
 * wait, some MB are to be sent as they are (level 0), and what took less time is kept for the rest.
 */
export class LevelChoice {
  level: number = constants.Z_BEST_SPEED;
  private compressed: Measurement | undefined;
  private running = nothing();
  private decided = false;

  /** `now`: milliseconds of a clock that never goes back, for those who measure. */
  constructor(readonly now: () => number) {}

  /** `makingMs`: compressing the bytes; `takingMs`: waiting until the link wants more. */
  measured(bytes: number, makingMs: number, takingMs: number): void {
    if (this.decided) return;
    const { running } = this;
    running.bytes += bytes;
    if (running.bytes <= UNMEASURED_BYTES) return;
    running.makingMs += makingMs;
    running.takingMs += takingMs;
    if (running.bytes >= UNMEASURED_BYTES + MEASURED_BYTES) this.decide(running);
  }

  private decide(running: Measurement): void {
    if (this.compressed !== undefined) {
      this.decided = true;
      const keepPlain = totalMs(running) < totalMs(this.compressed);
      this.level = keepPlain ? constants.Z_NO_COMPRESSION : constants.Z_BEST_SPEED;
    } else if (running.takingMs > running.makingMs * FAST_LINK_SHARE) {
      this.decided = true;
    } else {
      this.compressed = running;
      this.running = nothing();
      this.level = constants.Z_NO_COMPRESSION;
    }
  }
}

const totalMs = ({ makingMs, takingMs }: Measurement): number => makingMs + takingMs;
