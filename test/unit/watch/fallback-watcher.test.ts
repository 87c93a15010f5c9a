import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openWithFallback } from '../../../src/watch/fallback-watcher.js';
import type { Hint, OpenWatcher, WatcherOptions } from '../../../src/watch/watcher.js';

const LIMIT = { code: 'ENOSPC', remedy: 'raise it' };

describe('openWithFallback', () => {
  it('uses the first way of watching as long as it works', async () => {
    const { first, second, heard, watcher } = await opened();
    watcher.enter('a');
    first.options?.onHint({ kind: 'folder', path: 'a' });
    expect(watcher.description).toBe('first');
    expect(heard.hints).toEqual([{ kind: 'folder', path: 'a' }]);
    expect(second.options).toBeUndefined();
  });

  it('goes on with the second when the system grants no more, watches the same folders, and looks at everything once', async () => {
    const { first, second, heard, watcher } = await opened();
    for (const folder of ['', 'a', 'b']) watcher.enter(folder);
    watcher.leave('b');
    first.options?.onExhausted(LIMIT);
    watcher.enter('c');
    await heard.all;
    expect(watcher.description).toBe('second');
    expect([...second.folders]).toEqual(['', 'a', 'c']);
    expect(first.isClosed).toBe(true);
    watcher.enter('d');
    expect(second.folders.has('d')).toBe(true);
  });

  it('warns once, with what raises the limit', async () => {
    const { first, heard } = await opened();
    first.options?.onExhausted(LIMIT);
    await heard.all;
    expect(heard.warnings).toEqual([expect.stringMatching(/ENOSPC.*polled.*raise it/)]);
  });

  it('says so when the second way fails too', async () => {
    const { first, heard, watcher } = await opened(() => Promise.reject(new Error('no way')));
    first.options?.onExhausted(LIMIT);
    await nextTurn();
    await watcher[Symbol.asyncDispose]();
    expect(heard.warnings).toContainEqual(expect.stringContaining('no way'));
  });

  it('closes what it opened', async () => {
    const { first, second, watcher } = await opened();
    first.options?.onExhausted(LIMIT);
    await watcher[Symbol.asyncDispose]();
    expect(first.isClosed).toBe(true);
    expect(second.options === undefined || second.isClosed).toBe(true);
  });
});

async function opened(openSecond?: OpenWatcher) {
  const first = new Way('first');
  const second = new Way('second');
  const heard = new Heard();
  const watcher = await openWithFallback(first.open, openSecond ?? second.open, {
    source: '/source',
    onHint: (hint) => heard.hear(hint),
    onWarning: (message) => void heard.warnings.push(message),
    onExhausted: ({ code }) => void heard.warnings.push(code),
  });
  return { first, second, heard, watcher };
}

/** A way of watching that hears nothing by itself. */
class Way {
  readonly folders = new Set<string>();
  options: WatcherOptions | undefined;
  isClosed = false;

  constructor(private readonly description: string) {}

  readonly open: OpenWatcher = (options) => {
    this.options = options;
    return Promise.resolve({
      description: this.description,
      enter: (folder) => void this.folders.add(folder),
      leave: (folder) => void this.folders.delete(folder),
      [Symbol.asyncDispose]: () => {
        this.isClosed = true;
        return Promise.resolve();
      },
    });
  };
}

class Heard {
  readonly hints: Hint[] = [];
  readonly warnings: string[] = [];
  private tell: () => void = () => undefined;
  readonly all = new Promise<void>((resolve) => (this.tell = resolve));

  hear(hint: Hint): void {
    this.hints.push(hint);
    if (hint.kind === 'all') this.tell();
  }
}
