/**
 * What one path holds, as far as a container can tell it apart. Modes are the permission bits (07777) without the type.
 * `sha256` is that of the content; of a file above 4 MB, that of the hashes of its blocks (blocks.ts).
 * `leftMtimeNs` is the time of a large file in the container, ns since 1970, where it is known.
 */
export type TreeEntry =
  | {
      readonly kind: 'file';
      readonly mode: number;
      readonly sizeBytes: number;
      readonly sha256: string;
      readonly leftMtimeNs?: bigint | undefined;
    }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string };

/** POSIX paths relative to the synced folder, without `./` and without a trailing slash. A parent comes before its children. */
export type Tree<E extends TreeEntry = TreeEntry> = ReadonlyMap<string, E>;

/** How the file system tells that a file has not changed since it was hashed (git's rule: any difference means "read it again"). */
export interface Stamp {
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly inode: number;
}

/** Equal to the stamp of no file: says "read it again". */
export const NEVER: Stamp = { mtimeMs: -1, ctimeMs: -1, inode: -1 };

export const sameStamp = (a: Stamp, b: Stamp): boolean =>
  a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.inode === b.inode;

/** A file that changes within this time after it was read can keep its time stamp: git's "racy" entries. Two seconds is FAT's resolution. */
const RACY_MS = 2000;

/** So young at `atMs` (wall clock) that an equal stamp does not prove that nothing has changed since. */
export const isRacy = ({ mtimeMs, ctimeMs }: Pick<Stamp, 'mtimeMs' | 'ctimeMs'>, atMs: number): boolean =>
  Math.max(mtimeMs, ctimeMs) > atMs - RACY_MS;

/** `blocks` are the notes of those of a large file (blocks.ts). */
export type LocalEntry = TreeEntry & { readonly stamp: Stamp; readonly blocks?: Buffer | undefined };
export type FileEntry = LocalEntry & { readonly kind: 'file' };
export type LocalTree = Tree<LocalEntry>;

export function sameEntry(a: TreeEntry, b: TreeEntry): boolean {
  switch (a.kind) {
    case 'file':
      return b.kind === 'file' && a.mode === b.mode && a.sha256 === b.sha256;
    case 'directory':
      return b.kind === 'directory' && a.mode === b.mode;
    case 'symlink':
      return b.kind === 'symlink' && a.target === b.target;
  }
}

/** All of its bits: nobody's. */
const UNKNOWN_MODE = 0o7777;
const UNKNOWN_HASH = '0'.repeat(64);

/** Of an entry of which no more is known than its kind; equal to no other, and fit to be remembered. */
export function unknownEntry(kind: TreeEntry['kind']): TreeEntry {
  switch (kind) {
    case 'file':
      return { kind, mode: UNKNOWN_MODE, sizeBytes: 0, sha256: UNKNOWN_HASH };
    case 'directory':
      return { kind, mode: UNKNOWN_MODE };
    case 'symlink':
      return { kind, target: '' };
  }
}

/** `''` for what is in the source itself. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** `a/b/c` -> `a`, `a/b`. */
export function* parentsOf(path: string): Generator<string> {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1))
    yield path.slice(0, slash);
}

/** What is there of these paths. */
export function* entriesAt<E extends TreeEntry>(
  tree: Tree<E>,
  paths: Iterable<string>,
): Generator<[string, E]> {
  for (const path of paths) {
    const entry = tree.get(path);
    if (entry !== undefined) yield [path, entry];
  }
}
