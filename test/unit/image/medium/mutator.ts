/** Makes the same series of mutations in every run: a failure can be looked at again. */
export class Mutator {
  readonly #hot: readonly (readonly [from: number, to: number])[];
  #scratch = Buffer.alloc(0);
  #state: number;

  /** `hot` are the places where a change means something. */
  constructor(seed: string, hot: readonly (readonly [from: number, to: number])[]) {
    this.#hot = hot;
    this.#state = [...Buffer.from(seed)].reduce((hash, byte) => (hash * 31 + byte) >>> 0, 1);
  }

  #scratchFor(original: Buffer): Buffer {
    if (this.#scratch.length !== original.length) this.#scratch = Buffer.alloc(original.length);
    original.copy(this.#scratch);
    return this.#scratch;
  }

  /** A copy, good until the next one, with one to eight changes: bits, bytes, awkward numbers, sectors moved or cleared, a cut-off end. */
  mutate(original: Buffer): Buffer {
    const bytes = this.#scratchFor(original);
    const count = 1 + this.#below(8);
    for (let index = 0; index < count; index++) this.#change(bytes);
    return this.#below(50) === 0 ? bytes.subarray(0, this.#below(bytes.length)) : bytes;
  }

  #change(bytes: Buffer): void {
    const at = this.#place(bytes.length);
    switch (this.#below(6)) {
      case 0:
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << this.#below(8)), at);
        break;
      case 1:
        bytes.writeUInt8(this.#below(256), at);
        break;
      case 2:
        bytes.writeUInt32LE(this.#awkward(), Math.min(at, bytes.length - 4));
        break;
      case 3:
        bytes.writeUInt16LE(this.#below(12), Math.min(at, bytes.length - 2));
        break;
      case 4:
        bytes.copy(bytes, at, this.#place(bytes.length), this.#place(bytes.length));
        break;
      default:
        bytes.fill(this.#below(2) === 0 ? 0 : 0xff, at, at + 1 + this.#below(64));
    }
  }

  #awkward(): number {
    return [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x0ffffff7, 0x0fffffff, 2][this.#below(8)] ?? 0;
  }

  #place(length: number): number {
    const [from, to] = this.#hot[this.#below(this.#hot.length)] ?? [0, length];
    const at = this.#below(8) === 0 ? this.#below(length) : from + this.#below(to - from);
    return Math.min(at, length - 1);
  }

  /** xorshift32. */
  #below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % limit;
  }
}
