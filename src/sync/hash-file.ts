import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlockHasher, identityOf, LARGE_BYTES, notesLength } from './blocks.js';
import { isNoFile } from '../system-error.js';
import { streamOf } from './file-content.js';
import { type UnreadFile, unreadable } from './list-folder.js';
import type { LocalTree } from './tree.js';

/** Above this size a file is hashed as a stream, so that memory stays flat and Ctrl-C is heard. */
const HASH_IN_MEMORY_BYTES = 8 << 20;

/** What an entry of a tree says of a file's content (tree.ts). */
export interface HashedContent {
  readonly sha256: string;
  readonly blocks?: Buffer;
}

/**
 * The hash of a file below the source; undefined when it has gone. Small files are read before this returns. What `known` has of a large
 * one makes it quicker.
 * @throws RdtError when it cannot be read.
 */
export async function hashFile(
  source: string,
  path: string,
  { sizeBytes }: UnreadFile,
  known: LocalTree,
  signal: AbortSignal,
): Promise<HashedContent | undefined> {
  try {
    const absolute = join(source, path);
    if (sizeBytes > LARGE_BYTES) return await hashLarge(absolute, sizeBytes, known.get(path)?.blocks, signal);
    return { sha256: createHash('sha256').update(readFileSync(absolute)).digest('hex') };
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw signal.aborted ? signal.reason : unreadable(source, path, error);
  }
}

async function hashLarge(
  absolute: string,
  sizeBytes: number,
  before: Buffer | undefined,
  signal: AbortSignal,
): Promise<HashedContent> {
  const hasher = new BlockHasher(before);
  if (sizeBytes <= HASH_IN_MEMORY_BYTES) hasher.update(readFileSync(absolute));
  else for await (const piece of streamOf(absolute, signal)) hasher.update(piece);
  const blocks = hasher.digest();
  const sha256 = identityOf(blocks);
  // A file that grew or shrank meanwhile is looked at again; its blocks are of no use.
  return blocks.length === notesLength(sizeBytes) ? { sha256, blocks } : { sha256 };
}

/**
 * The sha256 of all bytes of a large file, in hex, as other programs tell it; undefined when the file has gone, or is not the one
 * any more that `identity` stands for.
 */
export async function plainHashOf(
  absolute: string,
  identity: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const plain = createHash('sha256');
  const blocks = new BlockHasher();
  try {
    for await (const piece of streamOf(absolute, signal)) {
      plain.update(piece);
      blocks.update(piece);
    }
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw signal.aborted ? signal.reason : error;
  }
  return identityOf(blocks.digest()) === identity ? plain.digest('hex') : undefined;
}
