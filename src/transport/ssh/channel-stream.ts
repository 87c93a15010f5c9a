import { Duplex } from 'node:stream';
import type { Channel } from 'ssh2';
import { connectionCut } from '../connection-error.js';

type Done = (error?: Error | null) => void;

/**
 * An ssh channel with the manners of a socket. ssh2's own shows a lost connection as an orderly end, and never calls back a
 * write that the other side does not want any more; here the first is an error, and the second is dropped. With `allowHalfOpen`
 * the other side may go on taking what is written after it has said all it had to say.
 */
export class ChannelStream extends Duplex {
  private pending: Done | undefined;
  private isClosed = false;

  constructor(
    private readonly channel: Channel,
    private readonly connection: { readonly isLost: boolean; readonly description: string },
    allowHalfOpen: boolean,
  ) {
    super({ allowHalfOpen });
    channel.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.once('end', () => this.ended());
    channel.once('close', () => this.channelClosed());
    channel.on('error', (error: Error) => this.destroy(connectionCut(connection.description, error)));
  }

  override _read(): void {
    this.channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.pending = done;
    if (this.isClosed) this.settle();
    else this.channel.write(chunk, () => this.settle());
  }

  override _final(done: Done): void {
    if (!this.isClosed) this.channel.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.channel.destroy();
    // So that ssh2 sees the end of what nobody reads any more.
    this.channel.resume();
    this.settle();
    done(error);
  }

  private ended(): void {
    if (this.connection.isLost) this.destroy(connectionCut(this.connection.description));
    else this.push(null);
  }

  private channelClosed(): void {
    this.isClosed = true;
    this.settle();
    // Nobody takes anything any more; what was said is still read.
    if (this.readableEnded) this.end();
    else this.once('end', () => this.end());
  }

  private settle(): void {
    const done = this.pending;
    this.pending = undefined;
    done?.();
  }
}
