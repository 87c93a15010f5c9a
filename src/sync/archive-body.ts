import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Commit } from './commit-request.js';
import { gzipLevel, gzipped } from './gzip-level.js';

/** Smaller archives go plain: an engine that unpacks gzip runs a program for it (SYNC.md, section 8, rule 13). */
const PLAIN_BYTES = 64 << 10;
/** Plain archives up to this size go as one buffer with a known length. */
const BUFFERED_BYTES = 4 << 20;

/** The archive as it travels: plain or compressed, whichever arrives sooner over this link. `pack` begins to read files, which would hold up an answer. */
export async function archiveBody(
  pack: () => Readable,
  contentBytes: number,
  { engine, compress, signal }: Pick<Commit, 'engine' | 'compress' | 'signal'>,
): Promise<Readable | Buffer> {
  if (contentBytes <= PLAIN_BYTES) return buffer(pack());
  const level = compress ? await gzipLevel(engine, signal) : undefined;
  const tar = pack();
  if (level === undefined) return contentBytes <= BUFFERED_BYTES ? buffer(tar) : tar;
  return gzipped(tar, level);
}
