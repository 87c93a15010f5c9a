/** Messages of several senders for one reader, in order. */
export class Inbox<T> {
  private messages: T[] = [];
  private wake: (() => void) | undefined;
  private arrival: Promise<void> | undefined;
  private isClosed = false;

  put(message: T): void {
    this.messages.push(message);
    this.wakeReader();
  }

  /** Nobody waits for a message any more. */
  close(): void {
    this.isClosed = true;
    this.wakeReader();
  }

  /** Everything that has come; empty when nothing has. */
  takeAll(): T[] {
    const taken = this.messages;
    this.messages = [];
    return taken;
  }

  /** Resolves as soon as there is something to take, or never will be. The same promise for all who wait. */
  arrived(): Promise<void> {
    if (this.messages.length > 0 || this.isClosed) return Promise.resolve();
    this.arrival ??= new Promise((resolve) => {
      this.wake = resolve;
    });
    return this.arrival;
  }

  private wakeReader(): void {
    this.wake?.();
    this.wake = undefined;
    this.arrival = undefined;
  }
}
