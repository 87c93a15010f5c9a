import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const compress = promisify(gzip);

/** What goes by before anything is measured: it only fills the buffers of sockets on the way. */
const UNMEASURED_BYTES = 1024 * 1024;
const MEASURED_BYTES = 3 * 1024 * 1024;

/** The link is worth a trial without compression when it took so much less time than compressing did. */
const FAST_LINK_SHARE = 0.25;

/** Room for a member's header and the marks of stored blocks: then a piece is compressed into one buffer. */
const CHUNK_SLACK_BYTES = 4096;

/**
 * Compresses pieces for a link of unknown speed: each becomes a gzip member of its own (engines read members in a row as
 * one file). It begins at level 1. When the link hardly ever made it wait, some MB are sent as they are, in the same
 * format, and what took less time is kept for the rest.
 * @param now milliseconds of a clock that never goes back
 */
export async function* compressForLink(
  pieces: AsyncIterable<Buffer>,
  now: () => number,
): AsyncGenerator<Buffer> {
  const choice = new LevelChoice();
  for await (const piece of pieces) {
    const began = now();
    const member = await compress(piece, {
      level: choice.level,
      chunkSize: piece.length + CHUNK_SLACK_BYTES,
    });
    const made = now();
    yield member;
    choice.measured(piece.length, made - began, now() - made);
  }
}

interface Measurement {
  bytes: number;
  /** Compressing. */
  makingMs: number;
  /** Waiting until the reader wants more. */
  takingMs: number;
}

const nothing = (): Measurement => ({ bytes: 0, makingMs: 0, takingMs: 0 });

/** Which level is faster on this link, found out on the way. */
class LevelChoice {
  level: number = constants.Z_BEST_SPEED;
  private compressed: Measurement | undefined;
  private running = nothing();
  private decided = false;

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
