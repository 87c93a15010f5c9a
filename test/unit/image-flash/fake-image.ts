import { RdtError } from '../../../src/errors.js';
import { wholeImage, type BlockMap } from '../../../src/image/block-map.js';
import { HEAD_BYTES, type ImageSource } from '../../../src/image/flash-source.js';

export interface FakeImageOptions {
  /** `unknown`: as a gzip file, whose size only its end tells. */
  readonly size?: 'known' | 'unknown';
  readonly map?: BlockMap;
  readonly leastSizeBytes?: number;
  /** Reading beyond this byte finds the image damaged. */
  readonly damagedFrom?: number;
  /** What the end finds out: a wrong CRC. */
  readonly wrongAtEnd?: boolean;
}

/** An image in memory. */
export class FakeImage implements ImageSource {
  readonly name = 'os.img';
  readonly formats = ['raw'] as const;
  readonly reader = undefined;
  readonly notes = [];
  readonly sizeBytes: number | undefined;
  readonly leastSizeBytes: number;
  readonly map: BlockMap | undefined;
  readonly head: Buffer;
  readonly packed;
  closed = false;
  private position = 0;

  constructor(
    readonly content: Buffer,
    private readonly options: FakeImageOptions = {},
  ) {
    const known = options.size !== 'unknown';
    this.sizeBytes = known ? content.length : undefined;
    this.map = options.map ?? (known ? wholeImage(content.length) : undefined);
    this.leastSizeBytes = options.leastSizeBytes ?? 0;
    this.head = Buffer.from(content.subarray(0, HEAD_BYTES));
    this.packed = { sizeBytes: content.length, readBytes: () => this.position };
  }

  readAt(offset: number, target: Buffer): Promise<number> {
    if (offset < this.position) throw new RangeError('it went back');
    const count = this.content.copy(target, 0, offset);
    this.position = offset + count;
    if (this.position > (this.options.damagedFrom ?? Infinity)) {
      return Promise.reject(new RdtError('os.img is damaged'));
    }
    return Promise.resolve(count);
  }

  finish(): Promise<void> {
    return this.options.wrongAtEnd === true
      ? Promise.reject(new RdtError('os.img has a wrong CRC'))
      : Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
