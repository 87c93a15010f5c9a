import type { Bell } from './bell.js';

/** What comes in batches, one by one; rings the bell whenever some of it has come, or the end. */
export class BatchSource<T> {
  private readonly iterator: AsyncIterator<readonly T[]>;
  private batch: readonly T[] = [];
  private at = 0;
  private isAsked = false;
  private failure: { readonly error: unknown } | undefined;
  private hasEnded = false;

  constructor(
    batches: AsyncIterable<readonly T[]>,
    private readonly bell: Bell,
  ) {
    this.iterator = batches[Symbol.asyncIterator]();
  }

  /** The next one, undefined while it has not come. Throws what the source failed with. */
  get head(): T | undefined {
    if (this.failure !== undefined) throw this.failure.error;
    return this.batch[this.at];
  }

  /** More may come, and nothing is here. */
  get isAwaited(): boolean {
    return !this.hasEnded && this.head === undefined;
  }

  get isOpen(): boolean {
    return !this.hasEnded;
  }

  skip(): void {
    this.at += 1;
  }

  /** Has the next batch come. */
  ask(): void {
    if (this.isAsked) return;
    this.isAsked = true;
    void this.take();
  }

  close(): void {
    // One that waits for its device ends when its signal is aborted.
    void this.iterator.return?.().catch(() => undefined);
  }

  private async take(): Promise<void> {
    try {
      const result = await this.iterator.next();
      this.hasEnded = result.done === true;
      this.batch = result.done === true ? [] : result.value;
    } catch (error) {
      this.failure = { error };
    }
    this.at = 0;
    this.isAsked = false;
    this.bell.ring();
  }
}
