import type { Duplex } from 'node:stream';
import type { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import type { Dialer } from '../../src/transport/dialer.js';

/** TCP whose connections break when a test wants it: all at once, or after so many bytes were sent. */
export class CuttableDialer implements Dialer {
  readonly description: string;
  /** Bytes that may still be sent before everything is cut. */
  private allowance = Number.POSITIVE_INFINITY;
  private readonly open = new Set<Duplex>();

  constructor(private readonly dialer: TcpDialer) {
    this.description = dialer.description;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    const stream = await this.dialer.dial(signal);
    this.open.add(stream);
    stream.once('close', () => this.open.delete(stream));
    const write = stream._write.bind(stream);
    stream._write = (chunk: Buffer, encoding, done) => {
      if (this.allowance >= chunk.length) {
        this.allowance -= chunk.length;
        write(chunk, encoding, done);
        return;
      }
      write(chunk.subarray(0, this.allowance), encoding, () => this.cut());
    };
    return stream;
  }

  cutAfter(bytes: number): void {
    this.allowance = bytes;
  }

  cut(): void {
    this.allowance = Number.POSITIVE_INFINITY;
    for (const stream of this.open) stream.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dialer[Symbol.asyncDispose]();
  }
}
