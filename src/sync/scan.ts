import { hashFile } from './hash-file.js';
import type { IgnoreRules } from './ignore-rules.js';
import { type ListedEntry, listFolder, type ListOptions, type UnreadFile } from './list-folder.js';
import { type LocalEntry, type LocalTree, sameStamp } from './tree.js';
import { Turns } from './turns.js';

export interface ScanOptions extends ListOptions {
  readonly rules: IgnoreRules;
  readonly signal: AbortSignal;
}

/** A folder as it was listed, before any file was read. Has no hashes yet. */
export interface Listing {
  readonly entries: ReadonlyMap<string, ListedEntry>;
  /** Wall clock when the walk began, ms since 1970. */
  readonly listedAtMs: number;
}

/**
 * Lists the folder that is to be synced. Ignored folders are not entered; symbolic links are kept as links.
 * @throws RdtError when the source or a folder in it that is not ignored cannot be read.
 */
export async function listTree(options: ScanOptions): Promise<Listing> {
  const entries = new Map<string, ListedEntry>();
  const listedAtMs = Date.now();
  await new Turns(options.signal).take(walk(options, '', options.rules, entries));
  return { entries, listedAtMs };
}

/**
 * Reads the files of a listing and gives each its hash; a file with the size and stamp that `known` holds is not read.
 * @throws RdtError when a file cannot be read. One that has vanished meanwhile is left out.
 */
export async function hashTree(listing: Listing, known: LocalTree, options: ScanOptions): Promise<LocalTree> {
  const tree = new Map<string, LocalEntry>();
  const turns = new Turns(options.signal);
  for (const [path, entry] of listing.entries) {
    if (entry.kind !== 'file') {
      tree.set(path, entry);
      continue;
    }
    const before = known.get(path);
    if (isUnchanged(entry, before)) {
      tree.set(path, before);
      continue;
    }
    const content = await hashFile(options.source, path, entry, options.signal);
    if (content !== undefined) tree.set(path, { ...entry, ...content });
    if (turns.isOver()) await turns.next();
  }
  return tree;
}

/** By git's rule: the file that was hashed as `before` need not be read again. */
export function isUnchanged(entry: UnreadFile, before: LocalEntry | undefined): before is LocalEntry {
  return (
    before?.kind === 'file' &&
    before.sizeBytes === entry.sizeBytes &&
    before.mode === entry.mode &&
    sameStamp(before.stamp, entry.stamp)
  );
}

/** Lists folder after folder, each in one go; yields after each of them. */
function* walk(
  options: ScanOptions,
  directory: string,
  outer: IgnoreRules,
  entries: Map<string, ListedEntry>,
): Generator<void> {
  const listing = listFolder(options, directory, (ignoreFile) =>
    outer.enter(directory, ignoreFile !== undefined),
  );
  const folders: string[] = [];
  for (const [path, entry] of listing.entries) {
    entries.set(path, entry);
    if (entry.kind === 'directory') folders.push(path);
  }
  yield;
  for (const folder of folders) yield* walk(options, folder, listing.rules, entries);
}
