import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const compress = promisify(gzip);

/** Enough to fill the buffers of a socket, so that a slow link has shown itself. */
const TRIAL_BYTES = 1024 * 1024;

/** Room for a member's header and the marks of stored blocks: then a piece is compressed into one buffer. */
const CHUNK_SLACK_BYTES = 4096;

/**
 * Compresses pieces for a link of unknown speed: each becomes a gzip member of its own (engines read members in a row as
 * one file). It begins at level 1; when the first MB shows that the reader takes pieces faster than they are made, the
 * rest goes uncompressed, in the same format.
 * @param now milliseconds of a clock that never goes back
 */
export async function* compressForLink(
  pieces: AsyncIterable<Buffer>,
  now: () => number,
): AsyncGenerator<Buffer> {
  const trial = { bytes: 0, compressingMs: 0, takingMs: 0 };
  let level: number = constants.Z_BEST_SPEED;
  for await (const piece of pieces) {
    const began = now();
    const compressed = await compress(piece, { level, chunkSize: piece.length + CHUNK_SLACK_BYTES });
    const made = now();
    yield compressed;
    if (trial.bytes >= TRIAL_BYTES) continue;
    trial.bytes += piece.length;
    trial.compressingMs += made - began;
    trial.takingMs += now() - made;
    if (trial.bytes >= TRIAL_BYTES && trial.takingMs < trial.compressingMs)
      level = constants.Z_NO_COMPRESSION;
  }
}
