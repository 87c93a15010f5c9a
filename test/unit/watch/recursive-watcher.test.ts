import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecursiveWatcher, type WatchTree } from '../../../src/watch/recursive/recursive-watcher.js';
import type { Hint } from '../../../src/watch/watcher.js';

describe('RecursiveWatcher', () => {
  let source: string;
  let system: System;
  let hints: Hint[];
  let told: string[];
  let watcher: RecursiveWatcher;
  beforeEach(() => {
    source = mkdtempSync(join(tmpdir(), 'rdt-recursive-'));
    system = new System();
    hints = [];
    told = [];
    const options = {
      source,
      onHint: (hint: Hint) => void hints.push(hint),
      onWarning: (message: string) => void told.push(message),
      onExhausted: ({ code }: { code: string }) => void told.push(`exhausted ${code}`),
    };
    watcher = new RecursiveWatcher(options, system.watch);
  });
  afterEach(() => rmSync(source, { recursive: true, force: true }));

  it('opens the source alone, so that every folder in it can be renamed', () => {
    for (const folder of ['', 'a', 'a/b', '']) watcher.enter(folder);
    expect(system.watched).toEqual([source]);
  });

  it('tells of the folder that something happened in, and of nothing in folders that were not entered', () => {
    for (const folder of ['', 'a', 'a/b', 'gone']) watcher.enter(folder);
    watcher.leave('gone');
    for (const path of ['file', 'a/file', 'a/b/file', 'gone/file', 'node_modules/x/file'])
      system.happens(join(path));
    expect(hints).toEqual([
      { kind: 'folder', path: '', name: 'file' },
      { kind: 'folder', path: 'a', name: 'file' },
      { kind: 'folder', path: 'a/b', name: 'file' },
    ]);
  });

  it('lets everything be looked at when the system could not tell all', () => {
    watcher.enter('');
    system.happens(null);
    expect(hints).toMatchObject([{ kind: 'all' }]);
  });

  it('watches another source at the same path when that is entered', () => {
    watcher.enter('');
    rmSync(source, { recursive: true });
    system.fails('EPERM');
    expect(hints).toEqual([{ kind: 'folder', path: '' }]);
    mkdirSync(source);
    watcher.enter('');
    system.happens('file');
    expect(hints[1]).toEqual({ kind: 'folder', path: '', name: 'file' });
    expect(told).toEqual([]);
  });

  it('bears with a source that is not there', () => {
    system.refusal = 'ENOENT';
    watcher.enter('');
    expect(told).toEqual([]);
  });

  it.each([
    ['from the beginning', () => (system.refusal = 'EISDIR'), 'EISDIR'],
    ['later on', () => undefined, 'EIO'],
  ])('says once that the system tells of no changes %s', (_, begin, code) => {
    begin();
    for (const folder of ['', 'a']) watcher.enter(folder);
    if (system.refusal === undefined) system.fails(code);
    for (const folder of ['', 'a']) watcher.enter(folder);
    expect(told).toEqual([`exhausted ${code}`]);
    expect(hints).toEqual([]);
  });

  it('holds nothing open when it is closed', async () => {
    watcher.enter('');
    await watcher[Symbol.asyncDispose]();
    expect(system.open).toBe(0);
  });
});

/** Watches one folder with all below it, or refuses to. */
class System {
  readonly watched: string[] = [];
  open = 0;
  refusal: string | undefined;
  private events = new EventEmitter();
  private listener: (event: string, name: string | null) => void = () => undefined;

  readonly watch: WatchTree = (path, listener) => {
    if (this.refusal !== undefined) throw errorOf(this.refusal);
    this.watched.push(path);
    this.listener = listener;
    this.open++;
    this.events = new EventEmitter();
    return Object.assign(this.events, { close: () => (this.open -= 1) });
  };

  happens(name: string | null): void {
    this.listener('rename', name);
  }

  fails(code: string): void {
    this.events.emit('error', errorOf(code));
  }
}

const errorOf = (code: string): Error => Object.assign(new Error(code), { code });
