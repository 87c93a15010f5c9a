import { hashFile } from '../sync/hash-file.js';
import type { UnreadFile } from '../sync/list-folder.js';
import { isUnchanged } from '../sync/scan.js';
import { isRacy, type LocalEntry, type LocalTree, parentOf } from '../sync/tree.js';

/** Gives files their hashes, and reads only those that it has to. */
export class FileReader {
  /** Files that were so young when they were read that their stamp proves nothing. */
  private readonly racy = new Set<string>();

  constructor(private readonly source: string) {}

  /** Those of the racy files that are in one of these folders. */
  racyIn(folders: ReadonlySet<string>): string[] {
    if (folders.size === 0) return [];
    return [...this.racy].filter((path) => folders.has(parentOf(path)));
  }

  forget(path: string): void {
    this.racy.delete(path);
  }

  /**
   * The file with its hash, taken from the first of `candidates` that is surely the same; undefined when it has gone. `known`
   * is what was here before.
   * @throws RdtError when it cannot be read.
   */
  async read(
    path: string,
    file: UnreadFile,
    known: LocalTree,
    candidates: readonly (LocalEntry | undefined)[],
    signal: AbortSignal,
  ): Promise<LocalEntry | undefined> {
    const same = candidates.find((entry) => isUnchanged(file, entry));
    if (same !== undefined) return same;
    const readAtMs = Date.now();
    const content = await hashFile(this.source, path, file, known, signal);
    if (isRacy(file.stamp, readAtMs)) this.racy.add(path);
    else this.racy.delete(path);
    return content === undefined ? undefined : { ...file, ...content };
  }

  isRacy(path: string): boolean {
    return this.racy.has(path);
  }
}

/** Files that went from one path to another, found again by their inode: their stamp and so their content stayed. */
export function byInode(tree: LocalTree, paths: Iterable<string>): ReadonlyMap<number, LocalEntry> {
  const found = new Map<number, LocalEntry>();
  for (const path of paths) {
    const entry = tree.get(path);
    if (entry?.kind === 'file') found.set(entry.stamp.inode, entry);
  }
  return found;
}
