/**
 * `signal` is aborted when `outer` is, and after `ms`: then with `overdue`, to be given where a user may be told. To be disposed of when the work
 * is over. An `AbortSignal.timeout` within `AbortSignal.any` is held by nobody: once it was collected as garbage it never ends anything (Node 20).
 */
export class TimeLimit implements Disposable {
  private readonly over = new AbortController();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly outer: AbortSignal,
    ms: number,
    overdue?: Error,
  ) {
    this.timer = setTimeout(() => this.over.abort(overdue), ms);
    if (outer.aborted) this.stop();
    else outer.addEventListener('abort', this.stop, { once: true });
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.stop);
  }

  private readonly stop = (): void => this.over.abort(this.outer.reason);
}
