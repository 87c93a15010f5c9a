import { RdtError } from '../../errors.js';
import { BitReader } from './bit-reader.js';
import { Bzip2Damage, readBlock, type Bzip2Block } from './bzip2-block.js';

/** No packed block is longer: 900,000 symbols of at most 20 bits, and their tables. */
const MAX_BLOCK_BYTES = 2_500_000;
const OUTPUT_BYTES = 1024 * 1024;
const MAX_RUN = 255;
const STREAM_MAGIC = 0x425a68;
const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;

/**
 * Unpacks bzip2 without the program, several times slower, in constant memory. All streams of the file; each block's CRC and each
 * stream's are checked. Throws an `RdtError` when the file is damaged.
 */
export async function* builtInUnbzip2(packed: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  const input = new BlockInput(packed);
  try {
    while (await input.hasMore()) yield* unpackStream(input);
  } catch (error) {
    throw error instanceof Bzip2Damage
      ? new RdtError(`${name} is damaged: ${error.message}`, { cause: error })
      : error;
  }
}

/** Keeps a whole packed block at hand, so that unpacking it need not wait. */
class BlockInput {
  readonly bits = new BitReader();
  private readonly chunks: AsyncIterator<Buffer>;
  private ended = false;

  constructor(packed: AsyncIterable<Buffer>) {
    this.chunks = packed[Symbol.asyncIterator]();
  }

  async fill(): Promise<void> {
    while (!this.ended && this.bits.leftBytes < MAX_BLOCK_BYTES) {
      const next = await this.chunks.next();
      if (next.done === true) this.ended = true;
      else this.bits.append(next.value);
    }
  }

  async hasMore(): Promise<boolean> {
    await this.fill();
    return this.bits.leftBytes > 0;
  }
}

async function* unpackStream(input: BlockInput): AsyncGenerator<Buffer> {
  const { bits } = input;
  const magic = bits.read(24);
  const level = bits.read(8) - 0x30;
  if (magic !== STREAM_MAGIC || level < 1 || level > 9)
    throw new Bzip2Damage('something follows that is not packed data');
  const chain = new Uint32Array(level * 100_000);
  let streamCrc = 0;
  for (;;) {
    await input.fill();
    const kind = [bits.read(24), bits.read(24)];
    const statedCrc = bits.read32();
    if (kind[0] === END_MAGIC[0] && kind[1] === END_MAGIC[1]) {
      if (statedCrc !== streamCrc) throw new Bzip2Damage('the checksum of the whole is wrong');
      bits.align();
      return;
    }
    if (kind[0] !== BLOCK_MAGIC[0] || kind[1] !== BLOCK_MAGIC[1]) throw new Bzip2Damage('it ends too early');
    const output = new BlockOutput();
    yield* output.unpack(readBlock(bits, chain));
    if (output.crc() !== statedCrc) throw new Bzip2Damage('the checksum of a block is wrong');
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ statedCrc) >>> 0;
  }
}

/** CRC-32 as bzip2 has it: the highest bit first. */
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, index) => {
  let crc = index << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

/** Puts a block's bytes into order, and undoes its first run-length coding: four equal bytes are followed by how many more there are. */
class BlockOutput {
  private crcState = -1;
  private buffer = Buffer.allocUnsafe(OUTPUT_BYTES);
  private filled = 0;

  crc(): number {
    return ~this.crcState >>> 0;
  }

  *unpack({ chain, length, start }: Bzip2Block): Generator<Buffer> {
    let next = start;
    let last = -1;
    let equal = 0;
    for (let index = 0; index < length; index += 1) {
      const link = chain[next] ?? 0;
      const byte = link & 0xff;
      next = link >>> 8;
      if (equal === 4) {
        this.put(last, byte);
        equal = 0;
        last = -1;
      } else {
        equal = byte === last ? equal + 1 : 1;
        last = byte;
        this.put(byte, 1);
      }
      if (this.filled > OUTPUT_BYTES - MAX_RUN) yield this.takeOutput();
    }
    yield this.takeOutput();
  }

  /** There is room for a run. */
  private put(byte: number, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      this.crcState = (this.crcState << 8) ^ (CRC_TABLE[(this.crcState >>> 24) ^ byte] ?? 0);
      this.buffer[this.filled] = byte;
      this.filled += 1;
    }
  }

  private takeOutput(): Buffer {
    const output = this.buffer.subarray(0, this.filled);
    this.buffer = Buffer.allocUnsafe(OUTPUT_BYTES);
    this.filled = 0;
    return output;
  }
}
