import { RdtError } from '../../../src/errors.js';
import type { OpenDrive } from '../../../src/image/flash-drive.js';

export type DriveAction =
  | { readonly kind: 'write'; readonly offset: number; readonly sizeBytes: number }
  | { readonly kind: 'sync' };

/** A drive in memory that can misbehave on purpose. Keeps the order of what was done to it. */
export class FakeDrive implements OpenDrive {
  readonly medium: Buffer;
  readonly actions: DriveAction[] = [];
  closed = false;
  /** Fails every write that reaches beyond this offset. */
  failsFrom = Infinity;
  /** Flips a bit of what is read here: a worn-out cell. */
  badByte: number | undefined;
  /** Called before each write. */
  beforeWrite: (offset: number) => void | Promise<void> = () => undefined;
  beforeRead: (offset: number) => void = () => undefined;

  constructor(
    readonly path: string,
    readonly sizeBytes: number,
    readonly sectorBytes = 512,
  ) {
    this.medium = Buffer.alloc(sizeBytes, 0xee);
  }

  async write(offset: number, data: Buffer): Promise<void> {
    await this.beforeWrite(offset);
    this.assertAligned(offset, data.length);
    if (offset + data.length > this.failsFrom) throw new RdtError(`writing ${this.path} failed`);
    data.copy(this.medium, offset);
    this.actions.push({ kind: 'write', offset, sizeBytes: data.length });
  }

  readInto(offset: number, target: Buffer): Promise<void> {
    this.beforeRead(offset);
    this.assertAligned(offset, target.length);
    this.medium.copy(target, 0, offset, offset + target.length);
    const bad = (this.badByte ?? Infinity) - offset;
    if (bad >= 0 && bad < target.length) target[bad] = (target[bad] ?? 0) ^ 1;
    return Promise.resolve();
  }

  extendTo(): Promise<void> {
    return Promise.resolve();
  }

  sync(): Promise<void> {
    this.actions.push({ kind: 'sync' });
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** Direct I/O refuses anything else, so does this. */
  private assertAligned(offset: number, length: number): void {
    if (
      offset % this.sectorBytes !== 0 ||
      length % this.sectorBytes !== 0 ||
      offset + length > this.sizeBytes
    ) {
      throw new RangeError(`${offset}+${length} is not fit for ${this.path}`);
    }
  }
}
