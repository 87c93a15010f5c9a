import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { ContextFiles, OfferedEntry } from '../../../build/context/context-files.js';
import type { EmitBuildEvent } from '../../../build/build-event.js';
import type { LevelChoice } from '../../../build/context/level-choice.js';
import { dataPacket, decodePacket, finishedPacket, type Packet, statPacket } from './fsutil-packets.js';
import type { GrpcCall } from './grpc-call.js';

const compress = promisify(gzip);

/** Gzip adds 18 bytes to each message, and each is a task for Node's thread pool. */
const WORTH_PACKING_BYTES = 1024;

/** Stats go in pieces of this size, so that thousands of them are few writes and no round trip. */
const STATS_PER_WRITE = 500;

/** As Docker's own client: small beside the 4 MB that gRPC takes, and large beside what surrounds it. */
const DATA_BYTES = 32 * 1024;

/** The engine asked for what was not offered, or twice. */
class WrongRequest extends Error {
  override readonly name = 'WrongRequest';
}

/**
 * Our side of `moby.filesync.v1.FileSync/DiffCopy`: tells of every entry, then gives the content of the files that the engine asks
 * for, because it does not have them or has them with another size, mode or time. Only what is in `entries` can be had.
 */
export class DiffCopy {
  private readonly open: Map<number, OfferedEntry>;
  private askedBytes = 0;
  private sentBytes = 0;

  constructor(
    private readonly call: GrpcCall,
    private readonly files: ContextFiles,
    private readonly entries: readonly OfferedEntry[],
    /** How hard to compress for this link; undefined: not at all. */
    private readonly level: LevelChoice | undefined,
    private readonly emit: EmitBuildEvent,
  ) {
    this.open = new Map(entries.map((entry, index) => [index, entry]));
  }

  /** True when the engine has all it wants, false when it could not take it: why is what the build fails with. @throws CallClosed, WrongRequest, or what `ContextFiles.read` throws. */
  async serve(): Promise<boolean> {
    for (let start = 0; start < this.entries.length; start += STATS_PER_WRITE) {
      await this.call.send(...this.entries.slice(start, start + STATS_PER_WRITE).map(statPacket));
    }
    await this.call.send(statPacket());
    let end: 'finished' | 'error' | undefined;
    while (end === undefined) end = await this.answer((await this.call.nextMessages()).map(decodePacket));
    if (end === 'error') return false;
    if (this.askedBytes > 0) this.tell();
    await this.call.send(finishedPacket());
    return true;
  }

  /** What the engine has ended it with. */
  private async answer(packets: readonly Packet[]): Promise<'finished' | 'error' | undefined> {
    for (const { type, id } of packets) if (type === 'request') this.askedBytes += this.sizeOf(id);
    for (const { type, id } of packets) {
      if (type === 'finished' || type === 'error') return type;
      if (type === 'request') await this.sendFile(id);
    }
    return undefined;
  }

  private sizeOf(id: number): number {
    const entry = this.open.get(id);
    if (entry?.type !== 'file')
      throw new WrongRequest(`the engine asked for entry ${id}, which it was not offered`);
    return entry.sizeBytes;
  }

  private async sendFile(id: number): Promise<void> {
    const file = this.open.get(id);
    if (file?.type !== 'file') throw new WrongRequest(`the engine asked twice for entry ${id}`);
    this.open.delete(id);
    for await (const piece of this.files.read(file)) {
      for (let start = 0; start < piece.length; start += DATA_BYTES) {
        await this.sendData(dataPacket(id, piece.subarray(start, start + DATA_BYTES)));
      }
      this.sentBytes += piece.length;
      // What is asked for next is not known: that all has been sent is said at the end.
      if (this.sentBytes < this.askedBytes) this.tell();
    }
    await this.call.send(dataPacket(id));
  }

  private async sendData(packet: Uint8Array): Promise<void> {
    const { call, level: choice } = this;
    if (choice === undefined || packet.length < WORTH_PACKING_BYTES) return call.send(packet);
    const began = choice.now();
    const packed =
      choice.level === constants.Z_NO_COMPRESSION ? packet : await compress(packet, { level: choice.level });
    const made = choice.now();
    await (packed.length < packet.length ? call.sendGzip(packed) : call.send(packet));
    choice.measured(packet.length, made - began, choice.now() - made);
  }

  private tell(): void {
    this.emit({ type: 'context-sent', sentBytes: this.sentBytes, totalBytes: this.askedBytes });
  }
}
