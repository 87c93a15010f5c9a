import { type Duplex, Writable } from 'node:stream';

/**
 * The input of a remote process: ending it is a half-close, which the process sees as EOF.
 * It closes early, without an error of its own, when the process is over: the outputs and the exit code say what happened.
 */
export class ExecInput extends Writable {
  constructor(private readonly connection: Duplex) {
    super({ decodeStrings: true });
    connection.once('close', () => this.destroy());
    this.on('error', () => undefined);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.connection.write(chunk, () => callback());
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.connection.end(() => callback());
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.connection.writableEnded) this.connection.end();
    callback(error);
  }
}
