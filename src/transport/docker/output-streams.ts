import { Readable } from 'node:stream';
import { RdtError } from '../../errors.js';
import { connectionCut } from '../connection-error.js';
import { FrameParser } from './frame-parser.js';

/** One output of a process. Its writer waits while nobody reads; what comes after it was destroyed is dropped. */
class Output extends Readable {
  private roomMade: (() => void) | undefined;
  private finished = false;

  constructor() {
    super();
    // A failure reaches whoever reads; that one of two outputs has no reader is no reason to crash.
    this.on('error', () => undefined);
  }

  async offer(chunk: Buffer): Promise<void> {
    if (this.destroyed || this.finished || this.push(chunk)) return;
    await new Promise<void>((resolve) => {
      this.roomMade = resolve;
    });
  }

  /** No more will come; a writer that waits is let go. */
  finish(): void {
    if (!this.finished && !this.destroyed) this.push(null);
    this.finished = true;
    this._read();
  }

  override _read(): void {
    this.roomMade?.();
    this.roomMade = undefined;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this._read();
    callback(error);
  }
}

/** The outputs of an exec or of logs, filled from the engine's byte stream as fast as both are read. */
export class OutputStreams {
  readonly stdout = new Output();
  readonly stderr = new Output();
  private stopped = false;

  /** `where` is for messages. `multiplexed` is false with a terminal: then all is stdout. */
  constructor(
    private readonly source: Readable,
    private readonly multiplexed: boolean,
    private readonly where: string,
  ) {}

  /**
   * Resolves when the source has ended and both outputs were told so, or after `stop`; when the source fails or ends in the middle of a frame,
   * destroys both outputs with the error and rejects with it.
   */
  async fill(): Promise<void> {
    try {
      await (this.multiplexed ? this.fillFromFrames() : this.fillStdout());
      this.end();
    } catch (error) {
      if (this.stopped) return;
      const failure = error instanceof RdtError ? error : connectionCut(this.where, error);
      this.fail(failure);
      throw failure;
    }
  }

  /** Ends both outputs where they are and drops the source. */
  stop(): void {
    this.stopped = true;
    this.end();
    this.source.destroy();
  }

  fail(error: Error): void {
    this.stopped = true;
    this.stdout.destroy(error);
    this.stderr.destroy(error);
    this.source.destroy();
  }

  private end(): void {
    this.stdout.finish();
    this.stderr.finish();
  }

  private async fillFromFrames(): Promise<void> {
    const frames = new FrameParser();
    for await (const chunk of this.source) {
      for (const { to, bytes } of frames.push(chunk as Buffer)) await this[to].offer(bytes);
      if (this.stopped) return;
    }
    if (!frames.atBoundary) throw connectionCut(this.where);
  }

  private async fillStdout(): Promise<void> {
    for await (const chunk of this.source) {
      await this.stdout.offer(chunk as Buffer);
      if (this.stopped) return;
    }
  }
}
