import { SpentMemory } from './spent-memory.js';

/** A stream of chunks that is read by offset, forward only, and whose beginning can be looked at before it is consumed. */
export class ForwardStream {
  private readonly iterator: AsyncIterator<Buffer>;
  private readonly buffered: Buffer[] = [];
  private bufferedBytes = 0;
  private position = 0;
  private ended = false;
  private readonly spent = new SpentMemory();

  constructor(chunks: AsyncIterable<Buffer>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** The next `count` bytes without consuming them; fewer only at the end. */
  async peek(count: number): Promise<Buffer> {
    while (this.bufferedBytes < count && (await this.pull()));
    const [first] = this.buffered;
    if (first !== undefined && first.length >= count) return first.subarray(0, count);
    const all = Buffer.concat(this.buffered);
    this.buffered.splice(0, this.buffered.length, all);
    return all.subarray(0, count);
  }

  /** Skips to `offset` and fills `target`. Resolves with the bytes read: fewer than asked only at the end. */
  async readAt(offset: number, target: Buffer): Promise<number> {
    if (offset < this.position) throw new RangeError(`${offset} lies behind ${this.position} already read`);
    await this.consume(offset - this.position, undefined);
    return this.position < offset ? 0 : this.consume(target.length, target);
  }

  /** Reads to the end. Resolves with the length of the whole stream. */
  async drain(): Promise<number> {
    await this.consume(Infinity, undefined);
    return this.position;
  }

  /** Consumes one chunk, as it comes; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    if (this.buffered.length === 0) await this.pull();
    const chunk = this.buffered.shift();
    this.bufferedBytes -= chunk?.length ?? 0;
    this.position += chunk?.length ?? 0;
    return chunk;
  }

  /** Consumes exactly `count` bytes, or what there is before the end. */
  async read(count: number): Promise<Buffer> {
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, await this.consume(count, bytes));
  }

  async skip(count: number): Promise<void> {
    await this.consume(count, undefined);
  }

  /** The next `count` bytes, in chunks. */
  async *take(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      const [chunk] = this.buffered;
      if (chunk !== undefined) {
        const part = chunk.subarray(0, left);
        left -= this.drop(chunk, part);
        yield part;
      } else if (!(await this.pull())) return;
    }
  }

  /** What has not been consumed yet; the stream is not to be used otherwise from then on. */
  async *rest(): AsyncGenerator<Buffer> {
    try {
      for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
    } finally {
      await this.close();
    }
  }

  /** Lets the producer release what it holds. */
  async close(): Promise<void> {
    this.ended = true;
    await this.iterator.return?.();
  }

  /** Moves forward by `count`, copying into `target` when given. Resolves with the bytes moved: fewer only at the end. */
  private async consume(count: number, target: Buffer | undefined): Promise<number> {
    let moved = 0;
    while (moved < count) {
      const chunk = this.buffered[0];
      if (chunk !== undefined) {
        const part = chunk.subarray(0, count - moved);
        if (target !== undefined) part.copy(target, moved);
        moved += this.drop(chunk, part);
      } else if (!(await this.pull())) break;
    }
    return moved;
  }

  /** Consumes `part`, the beginning of the first buffered chunk. */
  private drop(chunk: Buffer, part: Buffer): number {
    this.spent.add(part.length);
    if (part.length === chunk.length) this.buffered.shift();
    else this.buffered[0] = chunk.subarray(part.length);
    this.bufferedBytes -= part.length;
    this.position += part.length;
    return part.length;
  }

  private async pull(): Promise<boolean> {
    if (this.ended) return false;
    const next = await this.iterator.next();
    if (next.done === true) {
      this.ended = true;
      return false;
    }
    this.buffered.push(next.value);
    this.bufferedBytes += next.value.length;
    return true;
  }
}
