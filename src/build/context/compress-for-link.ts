import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { LevelChoice } from './level-choice.js';

const compress = promisify(gzip);

/** Room for a member's header and the marks of stored blocks: then a piece is compressed into one buffer. */
const CHUNK_SLACK_BYTES = 4096;

/**
 * Compresses pieces for a link of unknown speed: each becomes a gzip member of its own (engines read members in a row as
 * one file), at the level that is quicker on this link.
 */
export async function* compressForLink(
  pieces: AsyncIterable<Buffer>,
  choice: LevelChoice,
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    const began = choice.now();
    const member = await compress(piece, {
      level: choice.level,
      chunkSize: piece.length + CHUNK_SLACK_BYTES,
    });
    const made = choice.now();
    yield member;
    choice.measured(piece.length, made - began, choice.now() - made);
  }
}
