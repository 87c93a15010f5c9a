import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

export interface AnswerBodyHooks {
  /** Bytes have come. */
  readonly onData: () => void;
  /** The body is over, was cut or destroyed; called once. */
  readonly onClose: () => void;
  /** What a reader is told when the message breaks off. */
  readonly describe: (error: unknown) => Error;
}

/** The body of an answer, with back-pressure, that fails with an `RdtError` where node:http says `aborted`. */
export class AnswerBody extends Readable {
  constructor(
    private readonly message: IncomingMessage,
    private readonly hooks: AnswerBodyHooks,
  ) {
    super();
    // A reader hears of a failure by reading. Of a body that nobody reads any more, or yet, it must not end the process.
    this.on('error', () => undefined);
    message.on('data', (chunk: Buffer) => {
      hooks.onData();
      if (!this.push(chunk)) message.pause();
    });
    message.once('end', () => this.push(null));
    message.once('error', (error) => this.destroy(hooks.describe(error)));
    message.pause();
  }

  override _read(): void {
    this.message.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.message.complete) this.message.destroy();
    this.hooks.onClose();
    callback(error);
  }
}
