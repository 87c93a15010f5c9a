import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryWatcher, type WatchFolder } from '../../../src/watch/directories/directory-watcher.js';
import type { Hint } from '../../../src/watch/watcher.js';

const QUEUE_LENGTH = 40;

/** Windows has another one. */
describe.skipIf(process.platform === 'win32')('DirectoryWatcher at the limits of the system', () => {
  let source: string;
  beforeEach(() => {
    source = mkdtempSync(join(tmpdir(), 'rdt-directories-'));
    for (const folder of ['a', 'b', 'c']) mkdirSync(join(source, folder));
  });
  afterEach(() => rmSync(source, { recursive: true, force: true }));

  it.each([
    ['ENOSPC', 'sudo sysctl fs.inotify.max_user_watches=524288'],
    ['EMFILE', 'sudo sysctl fs.inotify.max_user_instances=1024'],
  ])(
    'says once that it got no watch (%s), with the command for it, and nothing any more',
    (code, command) => {
      const system = new System({ watches: 2, code });
      const { watcher, told } = watching(source, system);
      for (const folder of ['', 'a', 'b', 'c']) watcher.enter(folder);
      system.happens('a', 'file');
      expect(told).toEqual([`exhausted ${code}: raise it with: ${command}`]);
    },
  );

  it('warns of a folder that cannot be watched for another reason, and watches the others', () => {
    const system = new System({ watches: 1, code: 'EACCES' });
    const { watcher, told, hints } = watching(source, system);
    watcher.enter('');
    watcher.enter('a');
    system.happens('', 'file');
    expect(told).toEqual([expect.stringContaining(`${join(source, 'a')} cannot be watched`)]);
    expect(hints).toEqual([{ kind: 'folder', path: '', name: 'file' }]);
  });

  it('lets everything be looked at once when so much happens at once that events may be missing', async () => {
    const system = new System();
    const { watcher, hints } = watching(source, system);
    watcher.enter('');
    for (let file = 0; file < QUEUE_LENGTH; file++) system.happens('', `f${file}`);
    expect(hints.filter((hint) => hint.kind === 'all')).toHaveLength(1);
    await nextTurn();
    hints.length = 0;
    system.happens('', 'later');
    expect(hints).toEqual([{ kind: 'folder', path: '', name: 'later' }]);
  });

  it('hears as many events one after the other', async () => {
    const system = new System();
    const { watcher, hints } = watching(source, system);
    watcher.enter('');
    for (let file = 0; file < QUEUE_LENGTH; file++) {
      system.happens('', `f${file}`);
      await nextTurn();
    }
    expect(hints.map(({ kind }) => kind)).toEqual(Array(QUEUE_LENGTH).fill('folder'));
  });

  it('keeps the watch of a folder that is still the same, and renews it after the folder itself was moved', () => {
    const system = new System();
    const { watcher } = watching(source, system);
    for (let round = 0; round < 2; round++) watcher.enter('a');
    const { opened } = system;
    watcher.enter('a');
    expect(system.opened).toBe(opened);
    system.happens('a', 'a');
    watcher.enter('a');
    expect(system.opened).toBe(opened + 1);
    expect(system.open).toBe(1);
  });

  it('tells of a folder of which the system does not say what happened in it', () => {
    const system = new System();
    const { watcher, hints } = watching(source, system);
    watcher.enter('a');
    system.happens('a', null);
    expect(hints).toEqual([{ kind: 'folder', path: 'a' }]);
  });
});

function watching(source: string, system: System) {
  const hints: Hint[] = [];
  const told: string[] = [];
  system.source = source;
  const watcher = new DirectoryWatcher(
    {
      source,
      onHint: (hint) => void hints.push(hint),
      onWarning: (message) => void told.push(message),
      onExhausted: ({ code, remedy }) => void told.push(`exhausted ${code}: ${remedy}`),
    },
    system.watch,
    QUEUE_LENGTH,
  );
  return { watcher, hints, told };
}

/** Grants a number of watches, then fails with `code`. */
class System {
  source = '';
  opened = 0;
  open = 0;
  private readonly listeners = new Map<string, (event: 'rename' | 'change', name: string | null) => void>();

  constructor(private readonly limit = { watches: Infinity, code: '' }) {}

  readonly watch: WatchFolder = (path, listener) => {
    if (this.opened >= this.limit.watches)
      throw Object.assign(new Error('no watch for you'), { code: this.limit.code });
    this.opened++;
    this.open++;
    this.listeners.set(path, listener);
    const close = (): void => {
      this.open--;
      this.listeners.delete(path);
    };
    return Object.assign(new EventEmitter(), { close });
  };

  happens(folder: string, name: string | null): void {
    this.listeners.get(join(this.source, folder))?.('rename', name);
  }
}
