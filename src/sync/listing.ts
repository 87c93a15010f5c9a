import type { Stats } from 'node:fs';
import {
  COLUMNS,
  inodeAt,
  kindAt,
  modeAt,
  putNumbers,
  sameNumbers,
  sizeAt,
  stampAt,
} from './entry-columns.js';
import { type ListedEntry, type ListedFile, stampOf } from './list-folder.js';
import type { TreeEntry } from './tree.js';

/** Entries as they were listed, before any file was read: parents come before what is in them. Has no hashes yet. */
export class Listing {
  private columns: Float64Array;
  private targets = new Map<number, string>();

  /** `listedAtMs`: wall clock when the walk began, ms since 1970. `room`: for so many entries at first. */
  constructor(
    readonly listedAtMs: number,
    room: number,
    readonly paths: string[] = [],
  ) {
    this.columns = new Float64Array(room * COLUMNS);
  }

  get numbers(): Float64Array {
    return this.columns;
  }

  add(path: string, kind: TreeEntry['kind'], mode: number, stats: Stats, target: string | undefined): void {
    const at = this.paths.length;
    this.paths.push(path);
    if ((at + 1) * COLUMNS > this.columns.length) {
      const larger = new Float64Array(Math.max(COLUMNS, 2 * this.columns.length));
      larger.set(this.columns);
      this.columns = larger;
    }
    putNumbers(this.columns, at, { kind, mode, sizeBytes: stats.size, stamp: stampOf(stats) });
    if (target !== undefined) this.targets.set(at, target);
  }

  /** The same paths, with the files at these places looked at again. Nothing may be added to either afterwards. */
  withFiles(files: ReadonlyMap<number, ListedFile>): Listing {
    const listing = new Listing(this.listedAtMs, 0, this.paths);
    listing.columns = this.columns.slice();
    listing.targets = this.targets;
    for (const [at, { mode, stats }] of files)
      putNumbers(listing.columns, at, { kind: 'file', mode, sizeBytes: stats.size, stamp: stampOf(stats) });
    return listing;
  }

  kindAt(at: number): TreeEntry['kind'] {
    const kind = kindAt(this.numbers, at);
    return kind === 'directory' || kind === 'symlink' ? kind : 'file';
  }

  targetAt(at: number): string {
    return this.targets.get(at) ?? '';
  }

  inodeAt(at: number): number {
    return inodeAt(this.numbers, at);
  }

  /** Whether nothing that a look can tell has changed since: the stamp is as it was, too. */
  isSameAt(at: number, later: Listing, laterAt: number): boolean {
    return (
      sameNumbers(this.numbers, at, later.numbers, laterAt) && this.targetAt(at) === later.targetAt(laterAt)
    );
  }

  entryAt(at: number): ListedEntry {
    const { numbers } = this;
    const mode = modeAt(numbers, at);
    const stamp = stampAt(numbers, at);
    const kind = this.kindAt(at);
    switch (kind) {
      case 'directory':
        return { kind, mode, stamp };
      case 'symlink':
        return { kind, target: this.targetAt(at), stamp };
      case 'file':
        return { kind, mode, sizeBytes: sizeAt(numbers, at), stamp };
    }
  }
}

/** In the listing of one folder, which is in the order of the names; undefined when it is not there. */
export function placeIn(listing: Listing | undefined, path: string): number | undefined {
  if (listing === undefined) return undefined;
  const { paths } = listing;
  let [from, to] = [0, paths.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((paths[middle] ?? '') < path) from = middle + 1;
    else to = middle;
  }
  return paths[from] === path ? from : undefined;
}
