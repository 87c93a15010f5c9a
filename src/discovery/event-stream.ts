/**
 * A queue between callbacks that push and one reader that iterates. Unbounded: producers here are small and end soon.
 * `end` lets the reader finish what is queued; `fail` makes it throw after that. Pushes after the end are dropped.
 */
export class EventStream<T> implements AsyncIterable<T> {
  readonly #queue: T[] = [];
  #state: { type: 'open' } | { type: 'ended' } | { type: 'failed'; error: unknown } = { type: 'open' };
  #wake: () => void = () => undefined;

  push(value: T): void {
    if (this.#state.type !== 'open') return;
    this.#queue.push(value);
    this.#wake();
  }

  end(): void {
    if (this.#state.type === 'open') this.#state = { type: 'ended' };
    this.#wake();
  }

  fail(error: unknown): void {
    if (this.#state.type === 'open') this.#state = { type: 'failed', error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) yield next;
      else if (this.#state.type === 'failed') throw this.#state.error;
      else if (this.#state.type === 'ended') return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }
}
