import { RdtError } from '../../errors.js';

export const FRAME_HEADER_BYTES = 8;

export interface Frame {
  readonly to: 'stdout' | 'stderr';
  /** A piece of a frame: large frames are handed on as they come, never collected. */
  readonly bytes: Buffer;
}

/** Takes apart what the engine multiplexes: frames of one type byte (1 stdout, 2 stderr), three zeros, a 32-bit length, and the payload. */
export class FrameParser {
  private header = Buffer.alloc(0);
  private to: Frame['to'] = 'stdout';
  private missingBytes = 0;

  /** False in the middle of a frame: a stream that ends there was cut. */
  get atBoundary(): boolean {
    return this.missingBytes === 0 && this.header.length === 0;
  }

  /** Throws an `RdtError` when the bytes are no frames. */
  *push(chunk: Buffer): Generator<Frame> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.missingBytes === 0) rest = this.readHeader(rest);
      const bytes = rest.subarray(0, this.missingBytes);
      rest = rest.subarray(bytes.length);
      this.missingBytes -= bytes.length;
      if (bytes.length > 0) yield { to: this.to, bytes };
    }
  }

  private readHeader(rest: Buffer): Buffer {
    const needed = FRAME_HEADER_BYTES - this.header.length;
    this.header = Buffer.concat([this.header, rest.subarray(0, needed)]);
    if (this.header.length === FRAME_HEADER_BYTES) {
      this.to = frameTarget(this.header, 0);
      this.missingBytes = this.header.readUInt32BE(4);
      this.header = Buffer.alloc(0);
    }
    return rest.subarray(needed);
  }
}

/**
 * Where the frame goes whose header is at `offset`. Type 3 is the engine's own complaint in the middle of a log; 0, stdin, is never sent but is
 * in the protocol.
 */
export const frameTarget = (bytes: Buffer, offset: number): Frame['to'] => {
  const type = bytes[offset] ?? 255;
  // The three bytes after the type are always zero.
  if (type > 3 || bytes.readUIntBE(offset + 1, 3) !== 0) {
    throw new RdtError('The engine sent output that is not in its own format (8-byte frame headers).');
  }
  return type <= 1 ? 'stdout' : 'stderr';
};
