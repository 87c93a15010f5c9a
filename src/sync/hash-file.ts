import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlockHasher, identityOf, LARGE_BYTES } from './blocks.js';
import { isNoFile } from '../system-error.js';
import { streamOf } from './file-content.js';
import { type UnreadFile, unreadable } from './list-folder.js';
import type { LocalTree } from './tree.js';

/** Above this size a file is hashed as a stream, so that memory stays flat and Ctrl-C is heard. */
const HASH_IN_MEMORY_BYTES = 8 << 20;

/**
 * What an entry of a tree says of a file's content (tree.ts). All of it is of the same bytes, whatever was written to the file since
 * it was listed.
 */
export interface HashedContent {
  readonly sizeBytes: number;
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
  const newHasher = (): BlockHasher => new BlockHasher(known.get(path)?.blocks);
  try {
    const absolute = join(source, path);
    if (sizeBytes <= HASH_IN_MEMORY_BYTES) return hashBytes(readFileSync(absolute), newHasher);
    return await hashLarge(absolute, sizeBytes, newHasher, signal);
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw signal.aborted ? signal.reason : unreadable(source, path, error);
  }
}

function hashBytes(bytes: Buffer, newHasher: () => BlockHasher): HashedContent {
  if (bytes.length <= LARGE_BYTES)
    return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  const hasher = newHasher();
  hasher.update(bytes);
  return contentOf(hasher);
}

/** No more than the listed size: a file that grows as quickly as it is read would have no end. */
async function hashLarge(
  absolute: string,
  sizeBytes: number,
  newHasher: () => BlockHasher,
  signal: AbortSignal,
): Promise<HashedContent> {
  const hasher = newHasher();
  for await (const piece of streamOf(absolute, signal, sizeBytes)) hasher.update(piece);
  // It was cut short meanwhile, and may be a small one by now.
  if (hasher.sizeBytes < sizeBytes) return hashBytes(readFileSync(absolute), newHasher);
  return contentOf(hasher);
}

function contentOf(hasher: BlockHasher): HashedContent {
  const blocks = hasher.digest();
  return { sizeBytes: hasher.sizeBytes, sha256: identityOf(blocks), blocks };
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
