import { RdtError } from '../errors.js';
import type { BlockDevice } from './block-device.js';
import { rangesFrom, totalBytes } from './block-map.js';
import { BufferPool } from './flash-buffers.js';
import type { OpenDrive } from './flash-drive.js';
import type { DriveVerdict, FlashProgress } from './flash-event.js';
import { DriveWithPendingHead } from './flash-head.js';
import { Lane, pieceOf } from './flash-lane.js';
import { allocatePages } from './page-memory.js';
import { pumpBody, type PumpResult } from './flash-pump.js';
import type { ImageSource } from './flash-source.js';

export interface FlashJob {
  readonly source: ImageSource;
  /** Opened by the caller, who also closes them. */
  readonly drives: readonly OpenDrive[];
  readonly verify: boolean;
  /** Sets the written card up before it could boot. */
  readonly configure: ((device: BlockDevice) => Promise<void>) | undefined;
  readonly monotonicMs: () => number;
  readonly progress: (progress: FlashProgress) => void;
}

/**
 * Writes one image to all drives in one pass and says for each how it ended. Until the last step the first MiB of a drive is
 * zeros, so that a card which was interrupted, failed verification or got a damaged image does not half-boot.
 * Rejects only when the signal aborts or for a bug; then too nothing is under way any more.
 */
export async function flash(job: FlashJob, signal: AbortSignal): Promise<DriveVerdict[]> {
  return new Flash(job, signal).run();
}

class Flash {
  private readonly pool: BufferPool;
  private readonly lanes: readonly Lane[];
  private readonly startedMs: number;

  constructor(
    private readonly job: FlashJob,
    private readonly signal: AbortSignal,
  ) {
    this.pool = new BufferPool();
    this.startedMs = job.monotonicMs();
    this.lanes = job.drives.map((drive) => this.laneOf(drive));
  }

  async run(): Promise<DriveVerdict[]> {
    const body = await this.writeBody();
    if (body !== undefined) {
      await allSettled(this.lanes.map((lane) => this.complete(lane, body)));
    }
    this.signal.throwIfAborted();
    return this.lanes.map((lane) => this.verdict(lane, body));
  }

  private laneOf(drive: OpenDrive): Lane {
    const { source, progress } = this.job;
    const head = allocatePages(Math.ceil(source.head.length / drive.sectorBytes) * drive.sectorBytes);
    return new Lane(
      drive,
      head,
      (phase, doneBytes, total) => {
        const packedFraction =
          source.packed.sizeBytes === undefined
            ? undefined
            : source.packed.readBytes() / source.packed.sizeBytes;
        progress({ drive: drive.path, phase, doneBytes, totalBytes: total, packedFraction });
      },
      this.signal,
    );
  }

  /** Undefined when the image turned out to be damaged; then every lane has failed for that. */
  private async writeBody(): Promise<PumpResult | undefined> {
    try {
      const total = bodyBytesOf(this.job.source);
      await allSettled(this.lanes.map((lane) => lane.run('writing', total, () => clearHead(lane))));
      const body = await pumpBody(this.job.source, this.lanes, this.pool, this.signal);
      if (this.liveLanes().length > 0) await this.job.source.finish();
      return body;
    } catch (error) {
      this.signal.throwIfAborted();
      if (!(error instanceof RdtError)) throw error;
      for (const lane of this.liveLanes()) lane.failure = error;
      return undefined;
    }
  }

  private liveLanes(): Lane[] {
    return this.lanes.filter((lane) => lane.failure === undefined);
  }

  /** Everything that a drive does by itself once the body is written. */
  private async complete(lane: Lane, body: PumpResult): Promise<void> {
    const { drive, head } = lane;
    await lane.attempt(async () => {
      await drive.extendTo(body.imageBytes);
      await drive.sync();
    });
    if (this.job.verify) {
      await lane.run('verifying', body.bodyBytes, () => lane.verify(body.pieces, this.pool));
    }
    this.job.source.head.copy(head);
    await this.configure(lane, body);
    await lane.run('finishing', head.length, async () => {
      this.signal.throwIfAborted();
      await drive.write(0, head);
      await drive.sync();
      if (this.job.verify) await lane.verify([pieceOf(0, head)], this.pool);
    });
  }

  private async configure(lane: Lane, body: PumpResult): Promise<void> {
    const { configure } = this.job;
    if (configure === undefined) return;
    const sizeBytes = Math.max(body.imageBytes, lane.head.length);
    const device = new DriveWithPendingHead(lane.drive, lane.head, this.pool, sizeBytes);
    await lane.run('configuring', undefined, () => configure(device));
  }

  private verdict(lane: Lane, body: PumpResult | undefined): DriveVerdict {
    const drive = lane.drive.path;
    if (lane.failure !== undefined) return { kind: 'failed', drive, phase: lane.phase, error: lane.failure };
    if (body === undefined) throw new Error(`${drive} neither failed nor was written`);
    const writtenBytes = body.bodyBytes + this.job.source.head.length;
    return {
      kind: 'written',
      drive,
      imageBytes: body.imageBytes,
      writtenBytes,
      rangeCount: this.job.source.map?.ranges.length ?? 1,
      verifiedBytes: this.job.verify ? writtenBytes : undefined,
      seconds: (this.job.monotonicMs() - this.startedMs) / 1000,
    };
  }
}

/** An old partition table must not outlive the partitions it describes. */
async function clearHead({ drive, head }: Lane): Promise<void> {
  head.fill(0);
  await drive.write(0, head);
  await drive.sync();
}

/** What lies behind the head and matters; undefined for images of unknown size. */
const bodyBytesOf = (source: ImageSource): number | undefined =>
  source.map === undefined ? undefined : totalBytes(rangesFrom(source.map.ranges, source.head.length));

/** All drives come to their end, also when one throws: nothing may be under way when handles are closed. */
async function allSettled(steps: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(steps);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
