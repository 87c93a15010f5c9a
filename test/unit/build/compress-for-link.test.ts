import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compressForLink } from '../../../src/build/context/compress-for-link.js';

const PIECE_BYTES = 256 * 1024;
const pieces = Array.from({ length: 16 }, () =>
  Buffer.from(
    randomBytes(PIECE_BYTES / 4)
      .toString('hex')
      .repeat(2),
  ),
);

async function* source(): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

/** A link that takes `takingMs` for each piece, and a machine that compresses one in 10 ms. */
async function send(takingMs: number): Promise<Buffer[]> {
  let nowMs = 0;
  let readings = 0;
  const now = () => (readings++ % 3 === 1 ? (nowMs += 10) : nowMs);
  const sent: Buffer[] = [];
  for await (const piece of compressForLink(source(), now)) {
    sent.push(piece);
    nowMs += takingMs;
  }
  return sent;
}

describe('compression of a build context', () => {
  it('goes on as long as the link is what takes the time', async () => {
    const sent = await send(100);
    expect(sent.every((piece) => piece.length < PIECE_BYTES * 0.8)).toBe(true);
    expect(gunzipSync(Buffer.concat(sent)).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('ends after the first MB on a link that is faster than the compression', async () => {
    const sent = await send(1);
    expect(sent.slice(0, 4).every((piece) => piece.length < PIECE_BYTES * 0.8)).toBe(true);
    expect(sent.slice(4).every((piece) => piece.length >= PIECE_BYTES)).toBe(true);
    expect(gunzipSync(Buffer.concat(sent)).equals(Buffer.concat(pieces))).toBe(true);
  });
});
