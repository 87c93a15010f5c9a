import { RdtError } from '../errors.js';
import { piecesOf, rangesFrom } from './block-map.js';
import { BlockMapCheck } from './block-map-check.js';
import { BUFFER_BYTES, type BufferPool } from './flash-buffers.js';
import { pieceOf, type Lane, type WrittenPiece } from './flash-lane.js';
import { HEAD_BYTES, type ImageSource } from './flash-source.js';

export interface PumpResult {
  /** Everything behind the first MiB, in ascending order. */
  readonly pieces: readonly WrittenPiece[];
  /** Known at the end at the latest. */
  readonly imageBytes: number;
  readonly bodyBytes: number;
}

/**
 * Writes everything behind the first MiB to all lanes at once, at the pace of the slowest. Throws an `RdtError` when the image is
 * damaged; what goes wrong with a drive is kept in its lane. Resolves early when every lane has failed.
 */
export async function pumpBody(
  source: ImageSource,
  lanes: readonly Lane[],
  pool: BufferPool,
  signal: AbortSignal,
): Promise<PumpResult> {
  const pump = new Pump(source, lanes, pool);
  try {
    await pump.run(signal);
  } finally {
    await pump.settle();
  }
  return pump.result();
}

class Pump {
  private readonly pieces: WrittenPiece[] = [];
  private readonly writes = new Set<Promise<void>>();
  private readonly check: BlockMapCheck | undefined;
  private bug: { readonly reason: unknown } | undefined;
  private bodyBytes = 0;
  private endOffset: number;

  constructor(
    private readonly source: ImageSource,
    private readonly lanes: readonly Lane[],
    private readonly pool: BufferPool,
  ) {
    this.endOffset = source.head.length;
    this.check = source.map === undefined ? undefined : new BlockMapCheck(source.map, source.name);
    this.check?.update(0, source.head);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const { offset, sizeBytes } of piecesOf(this.ranges(), BUFFER_BYTES)) {
      signal.throwIfAborted();
      if (this.bug !== undefined) throw this.bug.reason;
      if (this.lanes.every((lane) => lane.failure !== undefined)) return;
      const buffer = await this.pool.take();
      const count = await this.fill(buffer, offset, sizeBytes);
      if (count < sizeBytes) {
        this.checkEnd();
        return;
      }
    }
  }

  /** All writes have ended, well or not, and their buffers are free again. */
  async settle(): Promise<void> {
    await Promise.all(this.writes);
  }

  result(): PumpResult {
    if (this.bug !== undefined) throw this.bug.reason;
    const imageBytes = this.source.sizeBytes ?? this.endOffset;
    return { pieces: this.pieces, imageBytes, bodyBytes: this.bodyBytes };
  }

  /** The image ended. That is in order only where nobody knew its size before, and behind its last partition. */
  private checkEnd(): void {
    const { name, sizeBytes, leastSizeBytes, map } = this.source;
    const expected = map === undefined ? leastSizeBytes : (sizeBytes ?? Infinity);
    if (this.endOffset >= expected) return;
    const needs =
      map === undefined ? `its last partition ends at ${leastSizeBytes}` : `${expected} were announced`;
    throw new RdtError(`${name} is truncated: it ends after ${this.endOffset} bytes, ${needs}`);
  }

  /** An image of unknown size is one range without an end. */
  private ranges(): { offset: number; sizeBytes: number }[] {
    if (this.source.head.length < HEAD_BYTES) return [];
    const { map } = this.source;
    if (map !== undefined) return rangesFrom(map.ranges, HEAD_BYTES);
    return [{ offset: HEAD_BYTES, sizeBytes: Number.MAX_SAFE_INTEGER - HEAD_BYTES }];
  }

  private async fill(buffer: Buffer, offset: number, sizeBytes: number): Promise<number> {
    let count = 0;
    try {
      count = await this.source.readAt(offset, buffer.subarray(0, sizeBytes));
      this.check?.update(offset, buffer.subarray(0, count));
    } catch (error) {
      this.pool.release(buffer);
      throw error;
    }
    this.endOffset = offset + count;
    this.bodyBytes += count;
    this.dispatch(buffer, offset, count);
    return count;
  }

  /** Starts the writes, and hashes while they run. */
  private dispatch(buffer: Buffer, offset: number, count: number): void {
    const data = buffer.subarray(0, this.padToSector(buffer, count));
    if (count === 0) {
      this.pool.release(buffer);
      return;
    }
    const write = Promise.all(this.lanes.map((lane) => lane.write(offset, data)))
      .then(() => undefined)
      .catch((reason: unknown) => void (this.bug ??= { reason }))
      .finally(() => {
        this.pool.release(buffer);
        this.writes.delete(write);
      });
    this.writes.add(write);
    this.pieces.push(pieceOf(offset, data));
  }

  /** Zeros up to the next whole sector: direct I/O writes no part of one. */
  private padToSector(buffer: Buffer, count: number): number {
    const sector = Math.max(...this.lanes.map((lane) => lane.drive.sectorBytes));
    const padded = Math.ceil(count / sector) * sector;
    buffer.fill(0, count, padded);
    return padded;
  }
}
