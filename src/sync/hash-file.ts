import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGone } from './file-content.js';
import { unreadable } from './list-folder.js';

/** Above this size a file is hashed as a stream, so that memory stays flat and Ctrl-C is heard. */
const HASH_IN_MEMORY_BYTES = 8 << 20;

/**
 * The sha256 of a file below the source, in hex; undefined when it has gone. Small files are read before this returns.
 * @throws RdtError when it cannot be read.
 */
export async function hashFile(
  source: string,
  path: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const absolute = join(source, path);
  try {
    if (sizeBytes <= HASH_IN_MEMORY_BYTES)
      return createHash('sha256').update(readFileSync(absolute)).digest('hex');
    const hash = createHash('sha256');
    const stream = createReadStream(absolute, { highWaterMark: 1 << 20, signal });
    for await (const chunk of stream) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw signal.aborted ? signal.reason : unreadable(source, path, error);
  }
}
