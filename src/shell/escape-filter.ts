import { Transform, type TransformCallback } from 'node:stream';

export interface EscapeActions {
  disconnect(): void;
  help(): void;
}

const TILDE = 0x7e;
const DOT = 0x2e;
const QUESTION = 0x3f;
const LINE_ENDS: readonly number[] = [0x0a, 0x0d];

/**
 * What is typed, without the escapes of ssh: at the start of a line `~.` ends the session, `~?` shows help, `~~` is one `~`.
 * A `~` there is held back until the next key tells what it is; before any other it was meant.
 */
export class EscapeFilter extends Transform {
  private state: 'line-start' | 'tilde' | 'within' = 'line-start';

  constructor(private readonly actions: EscapeActions) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const kept: number[] = [];
    for (const byte of chunk) this.accept(byte, kept);
    done(null, Buffer.from(kept));
  }

  override _flush(done: TransformCallback): void {
    done(null, this.state === 'tilde' ? Buffer.of(TILDE) : undefined);
  }

  private accept(byte: number, kept: number[]): void {
    if (this.state === 'tilde' && this.acted(byte)) return;
    if (this.state === 'line-start' && byte === TILDE) {
      this.state = 'tilde';
      return;
    }
    if (this.state === 'tilde' && byte !== TILDE) kept.push(TILDE);
    kept.push(byte);
    this.state = LINE_ENDS.includes(byte) ? 'line-start' : 'within';
  }

  private acted(byte: number): boolean {
    if (byte === DOT) this.actions.disconnect();
    else if (byte === QUESTION) this.actions.help();
    else return false;
    this.state = 'line-start';
    return true;
  }
}
