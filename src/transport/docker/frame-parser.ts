import { RdtError } from '../../errors.js';

const HEADER_BYTES = 8;

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
    const needed = HEADER_BYTES - this.header.length;
    this.header = Buffer.concat([this.header, rest.subarray(0, needed)]);
    if (this.header.length === HEADER_BYTES) {
      this.to = targetOf(this.header);
      this.missingBytes = this.header.readUInt32BE(4);
      this.header = Buffer.alloc(0);
    }
    return rest.subarray(needed);
  }
}

/** Type 3 is the engine's own complaint in the middle of a log; 0, stdin, is never sent but is in the protocol. */
const targetOf = (header: Buffer): Frame['to'] => {
  const [type = 255, ...zeros] = header.subarray(0, 4);
  if (type > 3 || zeros.some((byte) => byte !== 0)) {
    throw new RdtError('The engine sent output that is not in its own format (8-byte frame headers).');
  }
  return type <= 1 ? 'stdout' : 'stderr';
};
