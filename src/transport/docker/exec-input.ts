import { type Duplex, Writable } from 'node:stream';

type Done = (error?: Error | null) => void;

/** Ctrl-D: what a terminal takes for the end of the input. */
const END_OF_TRANSMISSION = Buffer.from([4]);

/**
 * The input of a remote process: ending it is a half-close, which the process sees as EOF; on a terminal it is a Ctrl-D,
 * because a half-close would make the engine drop the output too. What a process does not read
 * before it ends is dropped without an error: its exit code is the verdict.
 */
export class ExecInput extends Writable {
  private pending: Done | undefined;
  private released = false;

  constructor(
    private readonly connection: Duplex,
    private readonly terminal: boolean,
  ) {
    super();
    // Whoever only reads the outputs learns of a failure from them.
    this.on('error', () => undefined);
  }

  /** The process is over: writes succeed from here on, to nobody. */
  release(): void {
    this.released = true;
    this.settle();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.pending = done;
    if (this.released) this.settle();
    else this.connection.write(chunk, () => this.settle());
  }

  override _final(done: Done): void {
    this.pending = done;
    if (this.released) this.settle();
    else if (this.terminal) this.connection.write(END_OF_TRANSMISSION, () => this.settle());
    else this.connection.end(() => this.settle());
  }

  override _destroy(error: Error | null, done: Done): void {
    // A stream also comes here by itself when all was written, which on a terminal must not hang up.
    if (!(this.terminal && this.writableFinished)) this.connection.end();
    done(error);
  }

  /** A write that fails has a connection that failed, which is told to the outputs and from there to us. */
  private settle(): void {
    const done = this.pending;
    this.pending = undefined;
    done?.();
  }
}
