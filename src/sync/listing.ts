import type { Stats } from 'node:fs';
import { COLUMNS, kindAt, modeAt, putNumbers, sizeAt, stampAt } from './entry-columns.js';
import { type ListedEntry, stampOf } from './list-folder.js';
import type { TreeEntry } from './tree.js';

const FIRST_ENTRIES = 1024;

/** A folder as it was listed, before any file was read: parents come before what is in them. Has no hashes yet. */
export class Listing {
  readonly paths: string[] = [];
  private columns = new Float64Array(FIRST_ENTRIES * COLUMNS);
  private readonly targets = new Map<number, string>();

  /** Wall clock when the walk began, ms since 1970. */
  constructor(readonly listedAtMs: number) {}

  get numbers(): Float64Array {
    return this.columns;
  }

  add(path: string, kind: TreeEntry['kind'], mode: number, stats: Stats, target: string | undefined): void {
    const at = this.paths.length;
    this.paths.push(path);
    if ((at + 1) * COLUMNS > this.columns.length) {
      const larger = new Float64Array(2 * this.columns.length);
      larger.set(this.columns);
      this.columns = larger;
    }
    putNumbers(this.columns, at, { kind, mode, sizeBytes: stats.size, stamp: stampOf(stats) });
    if (target !== undefined) this.targets.set(at, target);
  }

  targetAt(at: number): string {
    return this.targets.get(at) ?? '';
  }

  entryAt(at: number): ListedEntry {
    const { numbers } = this;
    const mode = modeAt(numbers, at);
    const stamp = stampAt(numbers, at);
    switch (kindAt(numbers, at)) {
      case 'directory':
        return { kind: 'directory', mode, stamp };
      case 'symlink':
        return { kind: 'symlink', target: this.targetAt(at), stamp };
      case 'file':
      case 'large file':
      case undefined:
        return { kind: 'file', mode, sizeBytes: sizeAt(numbers, at), stamp };
    }
  }
}
