import { allocatePages } from './page-memory.js';

/** Large enough that a card's own erase blocks are filled at once; small enough that progress moves. */
export const BUFFER_BYTES = 4 * 1024 * 1024;
/** One is filled while another is written and a third waits: more did not make it faster, only larger. */
const BUFFER_COUNT = 3;

/** A fixed set of buffers: whoever needs one waits until one is free. This is the back pressure of the whole pipeline. */
export class BufferPool {
  private readonly free: Buffer[] = [];
  private readonly waiting: ((buffer: Buffer) => void)[] = [];

  constructor() {
    const memory = allocatePages(BUFFER_BYTES * BUFFER_COUNT);
    for (let index = 0; index < BUFFER_COUNT; index += 1) {
      this.free.push(memory.subarray(index * BUFFER_BYTES, (index + 1) * BUFFER_BYTES));
    }
  }

  /** A buffer of `BUFFER_BYTES`; give it back with `release`. */
  take(): Promise<Buffer> {
    const buffer = this.free.pop();
    if (buffer !== undefined) return Promise.resolve(buffer);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  release(buffer: Buffer): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(buffer);
    else next(buffer);
  }

  /** Runs `use` with a buffer that nobody else has meanwhile. */
  async with<T>(use: (buffer: Buffer) => Promise<T>): Promise<T> {
    const buffer = await this.take();
    try {
      return await use(buffer);
    } finally {
      this.release(buffer);
    }
  }
}
