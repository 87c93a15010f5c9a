import { RdtError } from '../../errors.js';
import type { BlockMap } from '../block-map.js';
import type { ImageFormat, ImageSource } from '../flash-source.js';
import type { ForwardStream } from './forward-stream.js';
import { expectSha256, type Meter, type PackedInput } from './packed-input.js';
import type { UnpackedImage } from './unpack.js';

export interface StreamSourceParts {
  readonly input: PackedInput;
  readonly unpacked: UnpackedImage;
  /** The unpacked image, of which the head has been consumed. */
  readonly stream: ForwardStream;
  readonly head: Buffer;
  readonly sizeBytes: number | undefined;
  readonly leastSizeBytes: number;
  readonly map: BlockMap | undefined;
  readonly sha256: string | undefined;
  /** Watches the packed bytes; `unpackedMeter` the image itself. People publish the sum of either. */
  readonly meter: Meter;
  readonly unpackedMeter: Meter;
}

/** An image that can only be read from its beginning to its end. */
export class StreamSource implements ImageSource {
  readonly name: string;
  readonly formats: readonly ImageFormat[];
  readonly sizeBytes: number | undefined;
  readonly leastSizeBytes: number;
  readonly map: BlockMap | undefined;
  readonly head: Buffer;
  readonly reader = undefined;
  readonly notes: readonly string[];
  readonly packed: ImageSource['packed'];

  constructor(private readonly parts: StreamSourceParts) {
    const { input, unpacked } = parts;
    this.name = input.name;
    this.formats = unpacked.formats;
    this.sizeBytes = parts.sizeBytes;
    this.leastSizeBytes = parts.leastSizeBytes;
    this.map = parts.map;
    this.head = parts.head;
    this.notes = unpacked.notes;
    this.packed = { sizeBytes: input.sizeBytes, readBytes: () => unpacked.readBytes() };
  }

  readAt(offset: number, target: Buffer): Promise<number> {
    return this.parts.stream.readAt(offset, target);
  }

  async finish(): Promise<void> {
    const { stream, unpacked, sha256, meter, unpackedMeter } = this.parts;
    const lengthBytes = await stream.drain();
    if (this.sizeBytes !== undefined && lengthBytes !== this.sizeBytes) {
      throw new RdtError(
        `${this.name} is damaged: it unpacks to ${lengthBytes} bytes instead of ${this.sizeBytes}`,
      );
    }
    if (sha256 === undefined) return;
    await unpacked.drainInput();
    expectSha256(this.name, sha256, [meter, unpackedMeter]);
  }

  async close(): Promise<void> {
    await this.parts.stream.close();
    await this.parts.input.close();
  }
}
