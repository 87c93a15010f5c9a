import { assertInside, type BlockDevice, type ByteRange } from './block-device.js';
import { piecesOf } from './block-map.js';
import { BUFFER_BYTES, type BufferPool } from './flash-buffers.js';
import type { OpenDrive } from './flash-drive.js';

/**
 * The drive as it will be once its first MiB is written: that MiB is still in memory (`head`, changed in place), the rest is on the medium.
 * So a card can be configured before anything could boot from it.
 */
export class DriveWithPendingHead implements BlockDevice {
  constructor(
    private readonly drive: OpenDrive,
    private readonly head: Buffer,
    private readonly pool: BufferPool,
    readonly sizeBytes: number,
  ) {}

  async read(offset: number, length: number): Promise<Buffer> {
    assertInside(this.sizeBytes, offset, length);
    const result = Buffer.alloc(length);
    const fromHead = offset < this.head.length ? this.head.copy(result, 0, offset, offset + length) : 0;
    for (const part of this.partsOf(offset + fromHead, length - fromHead)) {
      await this.withSectors(part, (window, skip) => {
        window.copy(result, part.offset - offset, skip, skip + part.sizeBytes);
        return Promise.resolve();
      });
    }
    return result;
  }

  async write(offset: number, data: Buffer): Promise<void> {
    assertInside(this.sizeBytes, offset, data.length);
    const intoHead = offset < this.head.length ? data.copy(this.head, offset) : 0;
    for (const part of this.partsOf(offset + intoHead, data.length - intoHead)) {
      await this.withSectors(part, async (window, skip, start) => {
        data.copy(window, skip, part.offset - offset, part.offset - offset + part.sizeBytes);
        await this.drive.write(start, window);
      });
    }
  }

  sync(): Promise<void> {
    return this.drive.sync();
  }

  /** Parts that fit into a buffer with the rest of their sectors. */
  private partsOf(offset: number, sizeBytes: number): Iterable<ByteRange> {
    return piecesOf(sizeBytes === 0 ? [] : [{ offset, sizeBytes }], BUFFER_BYTES);
  }

  /** Reads the whole sectors around a part. In `window`, whose first byte is `start` on the drive, the part begins at `skip`. */
  private withSectors(
    part: ByteRange,
    use: (window: Buffer, skip: number, start: number) => Promise<void>,
  ): Promise<void> {
    const sector = this.drive.sectorBytes;
    const start = Math.floor(part.offset / sector) * sector;
    const end = Math.ceil((part.offset + part.sizeBytes) / sector) * sector;
    return this.pool.with(async (buffer) => {
      const window = buffer.subarray(0, end - start);
      await this.drive.readInto(start, window);
      await use(window, part.offset - start, start);
    });
  }
}
