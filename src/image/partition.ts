import type { ByteRange } from './block-device.js';

/** One entry of a partition table. `offset` and `sizeBytes` are as the table says: they may reach over the end of a truncated medium. */
export interface Partition extends ByteRange {
  /** As Linux counts: 1-4 primary, from 5 on logical; the place in the table for GPT. */
  readonly number: number;
  /** GPT name, '' for MBR. */
  readonly name: string;
  /** `0x0c` for MBR, lower-case GUID for GPT. */
  readonly type: string;
}
