/** Messages of several senders for one reader, in order. */
export class Inbox<T> {
  private messages: T[] = [];
  private wake: (() => void) | undefined;
  private arrival: Promise<void> | undefined;

  put(message: T): void {
    this.messages.push(message);
    this.wake?.();
    this.wake = undefined;
    this.arrival = undefined;
  }

  /** Everything that has come; empty when nothing has. */
  takeAll(): T[] {
    const taken = this.messages;
    this.messages = [];
    return taken;
  }

  /** Resolves as soon as there is something to take. The same promise for all who wait. */
  arrived(): Promise<void> {
    if (this.messages.length > 0) return Promise.resolve();
    this.arrival ??= new Promise((resolve) => {
      this.wake = resolve;
    });
    return this.arrival;
  }
}
