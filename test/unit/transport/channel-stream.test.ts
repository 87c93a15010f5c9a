import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Channel } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { ChannelStream } from '../../../src/transport/ssh/channel-stream.js';

const ALIVE = { isLost: false, description: 'ssh://root@10.0.0.5:22222' };

/** A channel whose other side says what it is told, and keeps what it gets. */
class ScriptedChannel extends PassThrough {
  readonly got: Buffer[] = [];
  hasEnd = false;

  override write(chunk: Buffer, done: unknown): boolean {
    this.got.push(chunk);
    setImmediate(done as () => void);
    return true;
  }

  override end(): this {
    this.hasEnd = true;
    return this;
  }

  says(text: string): void {
    this.push(Buffer.from(text));
  }

  /** The other side has said all of it, as a program does that closes its outputs. */
  saysNoMore(): void {
    this.push(null);
  }
}

const streamOf = (channel: ScriptedChannel, halfOpen: boolean): ChannelStream =>
  new ChannelStream(channel as unknown as Channel, ALIVE, halfOpen);

describe('an ssh channel', () => {
  it('takes all of its input although nothing more comes from the other side', async () => {
    const channel = new ScriptedChannel();
    const stream = streamOf(channel, true);
    channel.saysNoMore();
    await once(stream.resume(), 'end');
    await new Promise(setImmediate);
    Readable.from(['one', 'two'].map((text) => Buffer.from(text))).pipe(stream);
    await once(stream, 'finish');
    expect(Buffer.concat(channel.got).toString()).toBe('onetwo');
    expect(channel.hasEnd).toBe(true);
  });

  it('is over when the other side has closed it, and all that it said was read', async () => {
    const channel = new ScriptedChannel();
    const stream = streamOf(channel, true);
    channel.says('last words');
    channel.saysNoMore();
    channel.emit('close');
    const closed = once(stream, 'close');
    expect((await buffer(stream)).toString()).toBe('last words');
    await closed;
    expect(stream.errored).toBeNull();
  });

  it('that is no terminal of a process is over with what the other side says, as a socket is', async () => {
    const channel = new ScriptedChannel();
    const stream = streamOf(channel, false);
    channel.saysNoMore();
    stream.pipe(new Writable({ write: (_chunk, _encoding, done) => done() }));
    await once(stream, 'close');
    expect(channel.hasEnd).toBe(true);
  });
});
