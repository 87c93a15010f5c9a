import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { archiveBody } from '../../../src/sync/archive-body.js';
import type { Engine } from '../../../src/transport/engine.js';

const CONTENT = Buffer.alloc(1 << 20, 'content ');

/** An engine that answers after so long, time after time; the last one holds from then on. */
function answering(...afterMs: readonly number[]): { engine: Engine; asked: () => number } {
  let asked = 0;
  const ping = async (): Promise<void> => {
    const ms = afterMs[Math.min(asked++, afterMs.length - 1)] ?? 0;
    if (ms > 0) await delay(ms);
  };
  return { engine: { ping } as Partial<Engine> as Engine, asked: () => asked };
}

async function isCompressed(
  engine: Engine,
  { onPack = () => undefined, compress = true }: { onPack?: () => void; compress?: boolean } = {},
): Promise<boolean> {
  const pack = (): Readable => {
    onPack();
    return Readable.from([CONTENT]);
  };
  const body = await archiveBody(pack, CONTENT.length, {
    engine,
    compress,
    signal: new AbortController().signal,
  });
  return !(Buffer.isBuffer(body) ? body : await buffer(body)).equals(CONTENT);
}

describe('an archive of some size', () => {
  it('goes plain over a quick link, and compressed over a slow one', async () => {
    expect(await isCompressed(answering(0).engine)).toBe(false);
    expect(await isCompressed(answering(20).engine)).toBe(true);
  });

  it('goes plain over a slow link too when that is wanted, and then nobody asks how slow it is', async () => {
    const { engine, asked } = answering(20);
    expect(await isCompressed(engine, { compress: false })).toBe(false);
    expect(asked()).toBe(0);
  });

  it('goes plain when only the first answer is late, which tells more of this process than of the link', async () => {
    expect(await isCompressed(answering(20, 0).engine)).toBe(false);
  });

  it('that nobody takes any more lets go of the files that it reads', async () => {
    const packed = Readable.from([CONTENT, CONTENT]);
    const { engine } = answering(20);
    const { signal } = new AbortController();
    const body = await archiveBody(() => packed, CONTENT.length, { engine, compress: true, signal });
    if (Buffer.isBuffer(body)) throw new Error('it was not compressed');
    body.on('error', () => undefined).destroy(new Error('cut'));
    await finished(packed, { writable: false }).catch(() => undefined);
    expect(packed.destroyed).toBe(true);
  });

  it('is not begun before the link is known: reading files would hold up the answers', async () => {
    const { engine, asked } = answering(20);
    let askedBefore = 0;
    await isCompressed(engine, { onPack: () => (askedBefore = asked()) });
    expect(askedBefore).toBe(asked());
    expect(askedBefore).toBeGreaterThan(0);
  });
});
