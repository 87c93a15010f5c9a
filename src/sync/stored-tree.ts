import { kindAt, modeAt, sameFileNumbers, sizeAt, stampAt } from './entry-columns.js';
import { EntryMap } from './entry-map.js';
import type { Listing } from './listing.js';
import { type LocalEntry, NEVER } from './tree.js';

export const HASH_BYTES = 32;
/** So few paths are found sooner one by one than by an index of all of them. */
const UNINDEXED_LOOKUPS = 8;

export interface StoredColumns {
  readonly paths: readonly string[];
  readonly numbers: Float64Array;
  /** Of the files, one after the other. */
  readonly hashes: Buffer;
  /** Of the links, by their place in `paths`. */
  readonly targets: ReadonlyMap<number, string>;
  /** Of the large files, by their place in `paths`. */
  readonly large: ReadonlyMap<number, LargeFile>;
}

/** What is known of a large file besides its hash (tree.ts). */
export interface LargeFile {
  readonly blocks: Buffer;
  readonly leftMtimeNs: bigint | undefined;
}

/** A tree as it is stored. An entry is made when somebody asks for it: a push compares the numbers of 20,000, and wants a few. */
export class StoredTree extends EntryMap<LocalEntry> {
  readonly size: number;
  /** Of each file, its place among the files. */
  private readonly hashPlaces: Uint32Array;
  private readonly made: LocalEntry[] = [];
  /** Who asks for one path after the other mostly does it in our order. */
  private next = 0;
  private lookups = 0;
  private index: ReadonlyMap<string, number> | undefined;

  constructor(private readonly columns: StoredColumns) {
    super();
    this.size = columns.paths.length;
    this.hashPlaces = hashPlacesOf(columns);
  }

  get(path: string): LocalEntry | undefined {
    const at = this.placeOf(path);
    return at === undefined ? undefined : this.entryAt(at);
  }

  override has(path: string): boolean {
    return this.placeOf(path) !== undefined;
  }

  /** Without making an entry. */
  override keys(): MapIterator<string> {
    return this.columns.paths.values();
  }

  *entries(): MapIterator<[string, LocalEntry]> {
    for (const [at, path] of this.columns.paths.entries()) yield [path, this.entryAt(at)];
  }

  /** Undefined for a path that is not there. */
  placeOf(path: string): number | undefined {
    const at = this.columns.paths[this.next] === path ? this.next : this.find(path);
    if (at !== undefined) this.next = at + 1;
    return at;
  }

  /** Of a path that need not be looked up. */
  pass(path: string): void {
    if (this.columns.paths[this.next] === path) this.next++;
  }

  private find(path: string): number | undefined {
    const { paths } = this.columns;
    if (this.index === undefined && this.lookups++ < UNINDEXED_LOOKUPS) {
      const at = paths.indexOf(path);
      return at === -1 ? undefined : at;
    }
    this.index ??= new Map(paths.map((each, at) => [each, at]));
    return this.index.get(path);
  }

  /** Whether an entry of a listing is as it was: a file by git's rule, for which it need not be read again. */
  isSameAt(at: number, listing: Listing, listedAt: number): boolean {
    const { numbers } = this.columns;
    const kind = listing.kindAt(listedAt);
    const before = kindAt(numbers, at);
    if (kind !== (before === 'large file' ? 'file' : before)) return false;
    if (kind === 'symlink') return this.columns.targets.get(at) === listing.targetAt(listedAt);
    if (modeAt(numbers, at) !== modeAt(listing.numbers, listedAt)) return false;
    return kind === 'directory' || sameFileNumbers(numbers, at, listing.numbers, listedAt);
  }

  private entryAt(at: number): LocalEntry {
    return (this.made[at] ??= this.makeEntry(at));
  }

  private makeEntry(at: number): LocalEntry {
    const { numbers, targets, large } = this.columns;
    const mode = modeAt(numbers, at);
    switch (kindAt(numbers, at)) {
      case 'directory':
        return { kind: 'directory', mode, stamp: NEVER };
      case 'symlink':
        return { kind: 'symlink', target: targets.get(at) ?? '', stamp: NEVER };
      case 'file':
      case 'large file':
      case undefined: {
        const file = { mode, sizeBytes: sizeAt(numbers, at), sha256: this.hashAt(at) };
        return { kind: 'file', ...file, stamp: stampAt(numbers, at), ...large.get(at) };
      }
    }
  }

  private hashAt(at: number): string {
    const start = (this.hashPlaces[at] ?? 0) * HASH_BYTES;
    return this.columns.hashes.toString('hex', start, start + HASH_BYTES);
  }
}

function hashPlacesOf({ paths, numbers }: StoredColumns): Uint32Array {
  const places = new Uint32Array(paths.length);
  let files = 0;
  for (let at = 0; at < places.length; at++) {
    const kind = kindAt(numbers, at);
    if (kind === 'file' || kind === 'large file') places[at] = files++;
  }
  return places;
}
