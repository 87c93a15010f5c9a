import type { BlockReader } from '../block-device.js';
import type { BlockMap } from '../block-map.js';
import type { ImageSource } from '../flash-source.js';
import { readFully } from './file-input.js';
import { expectSha256, type Meter, type PackedInput } from './packed-input.js';

const SKIP_BYTES = 1024 * 1024;

/** An unpacked image in a local file: only what is wanted is read, straight into the drive's buffers. */
export class RawFileSource implements ImageSource {
  readonly formats = ['raw'] as const;
  readonly notes = [];
  readonly packed: ImageSource['packed'];
  /** Up to here everything was read or passed over. */
  private position: number;

  constructor(
    private readonly file: NonNullable<PackedInput['file']>,
    readonly name: string,
    readonly head: Buffer,
    readonly map: BlockMap,
    readonly leastSizeBytes: number,
    readonly reader: BlockReader,
    /** Has not seen the head yet. */
    private readonly meter: Meter,
    private readonly sha256: string | undefined,
  ) {
    this.meter.update(head);
    this.position = head.length;
    this.packed = { sizeBytes: file.sizeBytes, readBytes: () => this.position };
  }

  get sizeBytes(): number {
    return this.file.sizeBytes;
  }

  async readAt(offset: number, target: Buffer): Promise<number> {
    await this.passOver(offset);
    const count = await readFully(this.file.handle, this.file.path, offset, target);
    this.meter.update(target.subarray(0, count));
    this.position = offset + count;
    return count;
  }

  async finish(): Promise<void> {
    await this.passOver(this.sizeBytes);
    if (this.sha256 !== undefined) expectSha256(this.name, this.sha256, [this.meter]);
  }

  close(): Promise<void> {
    return this.file.handle.close();
  }

  /** A checksum is over all of the file, also over what is not written. */
  private async passOver(end: number): Promise<void> {
    if (this.sha256 === undefined) return;
    const scratch = Buffer.allocUnsafe(Math.min(SKIP_BYTES, end - this.position));
    while (this.position < end) {
      const target = scratch.subarray(0, end - this.position);
      const count = await readFully(this.file.handle, this.file.path, this.position, target);
      if (count === 0) return;
      this.meter.update(target.subarray(0, count));
      this.position += count;
    }
  }
}
