import { createReadStream, lstatSync, readFileSync, type Stats } from 'node:fs';
import { isNoFile } from '../system-error.js';

const PIECE_BYTES = 1 << 20;

/** A small file as it is now; undefined when it has gone, or is none any more. */
export function readWhole(absolute: string): { stats: Stats; bytes: Buffer } | undefined {
  try {
    const stats = lstatSync(absolute);
    return stats.isFile() ? { stats, bytes: readFileSync(absolute) } : undefined;
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw error;
  }
}

/** What is at this path, which may be a link; undefined when there is nothing, or nothing that one may look at. */
export function statIfThere(absolute: string): Stats | undefined {
  try {
    return lstatSync(absolute, { throwIfNoEntry: false });
  } catch {
    // The walk says why, as soon as it matters.
    return undefined;
  }
}

/**
 * All bytes of a file, or the first `atMostBytes` (1 or more). Node never closes the file of a stream whose signal is aborted from
 * the first.
 */
export function streamOf(
  absolute: string,
  signal: AbortSignal | undefined,
  atMostBytes = Infinity,
): AsyncIterable<Buffer> {
  signal?.throwIfAborted();
  return createReadStream(absolute, { highWaterMark: PIECE_BYTES, signal, end: atMostBytes - 1 });
}

/** Exactly `sizeBytes` from `start` on: when the file has shrunk or gone meanwhile, zeros take the place of what it lacks. */
export async function* piecesOf(absolute: string, start: number, sizeBytes: number): AsyncGenerator<Buffer> {
  let missingBytes = sizeBytes;
  const stream = createReadStream(absolute, {
    highWaterMark: PIECE_BYTES,
    start,
    end: start + sizeBytes - 1,
  });
  try {
    for await (const chunk of stream) {
      missingBytes -= (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  } catch (error) {
    if (!isNoFile(error)) throw error;
  }
  for (; missingBytes > 0; missingBytes -= PIECE_BYTES)
    yield Buffer.alloc(Math.min(PIECE_BYTES, missingBytes));
}
