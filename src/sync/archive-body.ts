import { pipeline, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import type { Engine } from '../transport/engine.js';
import type { Commit } from './commit-request.js';

/** Smaller archives go plain: an engine that unpacks gzip runs a program for it (SYNC.md, section 8, rule 13). */
const PLAIN_BYTES = 64 << 10;
/** Plain archives up to this size go as one buffer with a known length. */
const BUFFERED_BYTES = 4 << 20;
/** Below this round trip the link is no bottleneck, and gzip would be one; above the other it is worth a better level. */
const FAST_LINK_MS = 1.5;
const SLOW_LINK_MS = 8;
/** The quickest of so many: one that met a busy machine says nothing of the link. On a quick link they cost next to nothing. */
const PINGS = 12;
/** The first one is slowed by whatever this process begins at the same time. */
const SURE_PINGS = 2;
/** Two answers that took as long as the quickest one, give or take so much, tell of the link and not of what else went on. */
const SAME_SHARE = 0.1;

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
  const gzip = createGzip({ level, chunkSize: 1 << 18 });
  // What goes wrong with one of them ends the other: the archive holds files open.
  pipeline(tar, gzip, () => undefined);
  return gzip;
}

/** How hard to compress what goes over this link; undefined where it is quicker without. */
export async function gzipLevel(engine: Engine, signal: AbortSignal): Promise<number | undefined> {
  const roundTripMs = await measureRoundTrip(engine, signal);
  if (roundTripMs < FAST_LINK_MS) return undefined;
  return roundTripMs < SLOW_LINK_MS ? 1 : 6;
}

/** A link that answers at once is asked once, and one that surely does not a few times. */
async function measureRoundTrip(engine: Engine, signal: AbortSignal): Promise<number> {
  const answersMs: number[] = [];
  for (let ping = 1; ping <= PINGS; ping++) {
    const startMs = performance.now();
    await engine.ping(signal);
    answersMs.push(performance.now() - startMs);
    if (isSure(answersMs)) break;
  }
  return Math.min(...answersMs);
}

function isSure(answersMs: readonly number[]): boolean {
  const bestMs = Math.min(...answersMs);
  if (bestMs < FAST_LINK_MS) return true;
  if (bestMs > SLOW_LINK_MS && answersMs.length >= SURE_PINGS) return true;
  return answersMs.filter((ms) => ms <= bestMs * (1 + SAME_SHARE)).length > SURE_PINGS;
}
