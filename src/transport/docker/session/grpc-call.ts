import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { grpcFrame, GrpcFrames } from './grpc-frames.js';

/** Of those that gRPC defines (`google.golang.org/grpc/codes`), what we have to say. */
export const GrpcStatus = { ok: 0, unknown: 2, notFound: 5, unimplemented: 12 } as const;

/** What may wait to be sent, so that the next file is read meanwhile; a stream of Node's own accord takes 16 KB, less than one message. */
const AHEAD_BYTES = 256 * 1024;

/** The engine has given the call up; whatever was under way for it is not wanted any more. */
export class CallClosed extends Error {
  override readonly name = 'CallClosed';
}

/** One call that the engine makes on our side of a session. */
export class GrpcCall {
  private readonly over = new AbortController();
  private readonly frames = new GrpcFrames();
  private arrived: Buffer[] = [];
  private failure: Error | undefined;
  private hasEnded = false;
  private wake: () => void = () => undefined;
  private status: number = GrpcStatus.ok;

  /** `takesGzip`: messages may be compressed, each for itself. */
  constructor(
    private readonly stream: ServerHttp2Stream,
    readonly takesGzip: boolean,
  ) {
    stream.on('data', (piece: Buffer) => this.take(piece));
    stream.on('end', () => this.end(new CallClosed()));
    // Why a stream broke off makes no difference here; that it did shows in `close`.
    stream.on('error', () => undefined);
    stream.on('close', () => this.end(new CallClosed()));
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(this.status) }));
    const encoding = takesGzip ? { 'grpc-encoding': 'gzip' } : {};
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', ...encoding },
      { waitForTrailers: true },
    );
  }

  /** All messages that have arrived since the last time; waits for at least one. @throws CallClosed when there will be none. */
  async nextMessages(): Promise<Buffer[]> {
    while (this.arrived.length === 0 && this.failure === undefined && !this.hasEnded) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    if (this.failure !== undefined) throw this.failure;
    if (this.arrived.length === 0) throw new CallClosed();
    return this.arrived.splice(0);
  }

  /** Several messages in one piece. Waits while the engine does not read what is on its way. @throws CallClosed */
  async send(...messages: readonly Uint8Array[]): Promise<void> {
    await this.write(Buffer.concat(messages.map((message) => grpcFrame(message))));
  }

  /** A message that was compressed, where the engine takes that. @throws CallClosed */
  async sendGzip(message: Uint8Array): Promise<void> {
    await this.write(grpcFrame(message, true));
  }

  private async write(bytes: Buffer): Promise<void> {
    if (this.stream.closed || this.stream.destroyed) throw new CallClosed();
    if (this.stream.write(bytes) || this.stream.writableLength < AHEAD_BYTES) return;
    try {
      await once(this.stream, 'drain', { signal: this.over.signal });
    } catch {
      throw new CallClosed();
    }
  }

  /** Ends the call; nothing can be sent any more. */
  close(status: number): void {
    this.status = status;
    if (!this.stream.closed && !this.stream.destroyed) this.stream.end();
  }

  private take(piece: Buffer): void {
    try {
      this.arrived.push(...this.frames.push(piece));
    } catch (error) {
      this.failure = error as Error;
    }
    this.wake();
  }

  private end(reason: Error): void {
    this.hasEnded = true;
    if (this.stream.closed || this.stream.destroyed) this.over.abort(reason);
    this.wake();
  }
}
