import { pipeline, type Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { Engine } from '../transport/engine.js';

/** Below this round trip the link is no bottleneck, and gzip would be one; above the other it is worth a better level. */
const FAST_LINK_MS = 1.5;
const SLOW_LINK_MS = 8;
/** The quickest of so many: one that met a busy machine says nothing of the link. On a quick link they cost next to nothing. */
const PINGS = 12;
/** The first one is slowed by whatever this process begins at the same time. */
const SURE_PINGS = 2;
/** Two answers that took as long as the quickest one, give or take so much, tell of the link and not of what else went on. */
const SAME_SHARE = 0.1;

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

/** What goes wrong with one of the streams ends the other: an archive holds files open. */
export const gzipped = (tar: Readable, level: number): Readable =>
  pipeline(tar, createGzip({ level, chunkSize: 1 << 18 }), () => undefined);
