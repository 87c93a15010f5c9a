import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { OutputStreams } from '../../../src/transport/docker/output-streams.js';
import { frame } from './scripted-host.js';

const CHUNK = Buffer.from(frame(1, 'x'.repeat(60_000)), 'latin1');

describe('the outputs of a process', () => {
  it('are drawn from the engine only as fast as they are read', async () => {
    let drawn = 0;
    const source = new Readable({
      read() {
        drawn += 1;
        this.push(drawn < 1_000 ? CHUNK : null);
      },
    });
    const outputs = new OutputStreams(source, true, 'tcp://host:1');
    const filled = outputs.fill();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(drawn).toBeLessThan(20);
    const [out, err] = await Promise.all([text(outputs.stdout), text(outputs.stderr)]);
    await filled;
    expect([out.length, err]).toEqual([999 * 60_000, '']);
  });

  it('go on when one of them is destroyed', async () => {
    const source = Readable.from([CHUNK, CHUNK, Buffer.from(frame(2, 'err'), 'latin1')]);
    const outputs = new OutputStreams(source, true, 'tcp://host:1');
    outputs.stdout.destroy();
    const [err] = await Promise.all([text(outputs.stderr), outputs.fill()]);
    expect(err).toBe('err');
  });

  it('end where they are when they are stopped, though nobody reads them', async () => {
    const outputs = new OutputStreams(
      new Readable({
        read() {
          this.push(CHUNK);
        },
      }),
      true,
      'tcp://host:1',
    );
    const filled = outputs.fill();
    await new Promise((resolve) => setImmediate(resolve));
    outputs.stop();
    await filled;
    expect((await text(outputs.stdout)).length).toBeGreaterThan(0);
    expect(await text(outputs.stderr)).toBe('');
  });
});
