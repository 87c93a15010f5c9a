import type { Limit, OpenWatcher, Watcher, WatcherOptions } from './watcher.js';

/** Watches with `first` until the system grants it no more watches, then goes on with `second`, and looks at everything once. */
export async function openWithFallback(
  first: OpenWatcher,
  second: OpenWatcher,
  options: WatcherOptions,
): Promise<Watcher> {
  const watcher = new FallbackWatcher(options, second);
  await watcher.begin(first);
  return watcher;
}

class FallbackWatcher implements Watcher {
  private readonly folders = new Set<string>();
  private current: Watcher | undefined;
  private change = Promise.resolve();
  private closed = false;

  constructor(
    private readonly options: WatcherOptions,
    private readonly second: OpenWatcher,
  ) {}

  get description(): string {
    return this.current?.description ?? 'polling';
  }

  async begin(first: OpenWatcher): Promise<void> {
    this.current = await first({ ...this.options, onExhausted: (limit) => this.fallBack(limit) });
  }

  enter(folder: string): void {
    this.folders.add(folder);
    this.current?.enter(folder);
  }

  leave(folder: string): void {
    this.folders.delete(folder);
    this.current?.leave(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    await this.change;
    await this.current?.[Symbol.asyncDispose]();
  }

  private fallBack({ code, remedy }: Limit): void {
    this.options.onWarning(
      `the system grants no more watches (${code}), so the folder is polled from now on; ${remedy}`,
    );
    this.change = this.replace().catch((error: unknown) => {
      this.options.onWarning(`polling failed: ${String(error)}; changes are found once a minute`);
    });
  }

  private async replace(): Promise<void> {
    const before = this.current;
    this.current = undefined;
    await before?.[Symbol.asyncDispose]();
    if (this.closed) return;
    this.current = await this.second(this.options);
    for (const folder of this.folders) this.current.enter(folder);
    this.options.onHint({ kind: 'all', reason: 'the folder is watched in another way now' });
  }
}
