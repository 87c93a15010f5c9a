import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compressForLink } from '../../../src/build/context/compress-for-link.js';
import { LevelChoice } from '../../../src/build/context/level-choice.js';

const PIECE_BYTES = 256 * 1024;
/** What this machine needs to compress a piece, of the test's own time. */
const COMPRESSING_MS = 10;

/** 12 MB that compress to about half. */
const pieces = Array.from({ length: 48 }, () => Buffer.from(randomBytes(PIECE_BYTES / 2).toString('hex')));

async function* source(): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

/** Sends over a link of this speed. Tells of each piece whether it was compressed. */
async function send(megabytesPerSecond: number): Promise<boolean[]> {
  const sent: Buffer[] = [];
  let nowMs = 0;
  let readings = 0;
  const compressed = (): boolean => (sent.at(-1)?.length ?? 0) < PIECE_BYTES * 0.9;
  // Read before a piece is made, when it is made, and when the next one is wanted.
  const now = (): number => {
    if (readings++ % 3 === 1) nowMs += COMPRESSING_MS;
    return nowMs;
  };
  for await (const piece of compressForLink(source(), new LevelChoice(now))) {
    sent.push(piece);
    const sendingMs = piece.length / (megabytesPerSecond * 1000);
    // A piece that is not compressed is made in no time; the link works on while another is compressed.
    nowMs += compressed() ? Math.max(0, sendingMs - COMPRESSING_MS) : sendingMs - COMPRESSING_MS;
  }
  expect(gunzipSync(Buffer.concat(sent)).equals(Buffer.concat(pieces))).toBe(true);
  return sent.map((piece) => piece.length < PIECE_BYTES * 0.9);
}

const share = (compressed: readonly boolean[]): number =>
  compressed.filter(Boolean).length / compressed.length;

describe('compression of a build context', () => {
  it('goes on when the link is what takes the time', async () => {
    expect(share(await send(2))).toBe(1);
  });

  it('ends on a link that is faster without it', async () => {
    const compressed = await send(1000);
    expect(share(compressed.slice(0, 16))).toBe(1);
    expect(share(compressed.slice(16))).toBe(0);
  });

  it('comes back when a trial has shown that the link is slower without it', async () => {
    const compressed = await send(16);
    expect(share(compressed.slice(16, 32))).toBe(0);
    expect(share(compressed.slice(32))).toBe(1);
  });
});
