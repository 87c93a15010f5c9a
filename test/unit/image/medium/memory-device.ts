import { assertInside, type BlockDevice } from '../../../../src/image/block-device.js';

export interface RecordedWrite {
  readonly offset: number;
  readonly data: Buffer;
  /** How many syncs came before. Writes of one epoch may reach the medium in any order, or not at all. */
  readonly epoch: number;
}

/** A medium in memory that remembers every write. */
export class MemoryDevice implements BlockDevice {
  readonly writes: RecordedWrite[] = [];
  syncs = 0;

  constructor(readonly bytes: Buffer) {}

  get sizeBytes(): number {
    return this.bytes.length;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    assertInside(this.sizeBytes, offset, length);
    return Promise.resolve(Buffer.from(this.bytes.subarray(offset, offset + length)));
  }

  async write(offset: number, data: Buffer): Promise<void> {
    assertInside(this.sizeBytes, offset, data.length);
    this.writes.push({ offset, data: Buffer.from(data), epoch: this.syncs });
    data.copy(this.bytes, offset);
    return Promise.resolve();
  }

  async sync(): Promise<void> {
    this.syncs++;
    return Promise.resolve();
  }
}
