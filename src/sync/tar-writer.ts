import { Readable } from 'node:stream';
import { encodeTarHeader, paddingBytes, TAR_END, type TarFields } from '../tar/tar-header.js';
import type { Owner } from './deployment.js';

/** Small entries travel together in pieces of this size. */
const PIECE_BYTES = 256 << 10;
/** Content from this size on goes as it is, without a copy. */
const UNCOPIED_BYTES = 64 << 10;
const NOTHING = Buffer.alloc(0);

export interface TarHeader {
  readonly name: string;
  readonly type: 'file' | 'link' | 'symlink' | 'directory';
  /** Permission bits (07777); 0644, or 0755 for a folder, when it does not matter. */
  readonly mode?: number;
  readonly linkname?: string;
  /** Milliseconds since 1970; whole seconds of it arrive. Now, when it does not matter. */
  readonly mtimeMs?: number;
}

/** Writes entries one after the other; every write waits until the reader of `stream` has room for more, and fails when it has gone. */
export class TarWriter {
  private readonly output = new Readable({
    highWaterMark: 4 * PIECE_BYTES,
    read: () => this.goOn(),
    destroy: (error, done) => {
      this.goOn();
      done(error);
    },
  });
  private goOn: () => void = () => undefined;
  private piece = NOTHING;
  private usedBytes = 0;

  /** `prefix` comes before every name: '' or ends in `/`. */
  constructor(
    private readonly owner: Owner,
    private readonly prefix: string,
  ) {}

  /** The tar that `write` writes; it is called when somebody reads, and so can wait until whoever reads is ready. */
  stream(write: () => Promise<void>): Readable {
    this.goOn = () => {
      this.goOn = () => undefined;
      if (!this.output.destroyed) void this.writeAll(write);
    };
    return this.output;
  }

  private async writeAll(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      await this.finish();
    } catch (error) {
      this.output.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async entry(header: TarHeader, bytes: Buffer = NOTHING): Promise<void> {
    this.append(this.headerBlocks(header, bytes.length));
    await this.content(bytes);
    this.append(NULS.subarray(0, paddingBytes(bytes.length)));
    if (this.isFull()) await this.flush();
  }

  /** The pieces have to be `sizeBytes` long together. */
  async streamedEntry(header: TarHeader, sizeBytes: number, pieces: AsyncIterable<Buffer>): Promise<void> {
    this.append(this.headerBlocks(header, sizeBytes));
    let writtenBytes = 0;
    for await (const piece of pieces) {
      writtenBytes += piece.length;
      await this.content(piece);
    }
    if (writtenBytes !== sizeBytes)
      throw new Error(`${header.name}: ${writtenBytes} bytes instead of ${sizeBytes}`);
    this.append(NULS.subarray(0, paddingBytes(sizeBytes)));
  }

  private async finish(): Promise<void> {
    this.append(TAR_END);
    await this.flush();
    this.output.push(null);
  }

  private async content(bytes: Buffer): Promise<void> {
    if (bytes.length < UNCOPIED_BYTES) {
      this.append(bytes);
      return;
    }
    await this.flush();
    await this.push(bytes);
  }

  private append(bytes: Buffer): void {
    if (this.usedBytes + bytes.length > this.piece.length) this.makeRoom(bytes.length);
    this.usedBytes += bytes.copy(this.piece, this.usedBytes);
  }

  /** Writes wait between entries, so that one may go a little beyond the size of a piece. */
  private makeRoom(bytes: number): void {
    const larger = Buffer.allocUnsafe(Math.max(PIECE_BYTES + UNCOPIED_BYTES, this.usedBytes + bytes));
    this.piece.copy(larger, 0, 0, this.usedBytes);
    this.piece = larger;
  }

  private isFull(): boolean {
    return this.usedBytes >= PIECE_BYTES;
  }

  private async flush(): Promise<void> {
    if (this.usedBytes === 0) return;
    const full = this.piece.subarray(0, this.usedBytes);
    this.piece = NOTHING;
    this.usedBytes = 0;
    await this.push(full);
  }

  private async push(bytes: Buffer): Promise<void> {
    const wanted = new Promise<void>((resolve) => (this.goOn = resolve));
    if (!this.output.destroyed && !this.output.push(bytes)) await wanted;
    if (this.output.destroyed) throw new Error('the archive was closed');
  }

  private headerBlocks({ name, type, mode, linkname, mtimeMs }: TarHeader, sizeBytes: number): Buffer {
    const target = type === 'link' ? `${this.prefix}${linkname ?? ''}` : (linkname ?? '');
    const fields: TarFields = {
      type: type === 'directory' ? 'folder' : type,
      name: Buffer.from(`${this.prefix}${name}`),
      linkTarget: target === '' ? NOTHING : Buffer.from(target),
      mode: mode ?? (type === 'directory' ? 0o755 : 0o644),
      ...this.owner,
      mtimeSeconds: secondsOf(mtimeMs ?? Date.now()),
      sizeBytes,
    };
    return encodeTarHeader(fields);
  }
}

const NULS = Buffer.alloc(512);

const secondsOf = (ms: number): number => Math.floor(Math.max(ms, 0) / 1000);

/** The time that a file has when it was unpacked, ns since 1970. */
export const tarTimeNs = (mtimeMs: number): bigint => BigInt(secondsOf(mtimeMs)) * 1_000_000_000n;
