import { hashFile } from './hash-file.js';
import type { IgnoreRules } from './ignore-rules.js';
import { type ListedEntry, listFolder, type ListOptions, type UnreadFile } from './list-folder.js';
import { withChanges } from './layered-tree.js';
import { type LocalEntry, type LocalTree, sameEntry, sameStamp } from './tree.js';
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
 * Reads the files of a listing and gives each its hash; what is as `known` has it is not read, and keeps its very entry.
 * @throws RdtError when a file cannot be read. One that has vanished meanwhile is left out.
 */
export async function hashTree(listing: Listing, known: LocalTree, options: ScanOptions): Promise<LocalTree> {
  const changes = new Map<string, LocalEntry | undefined>();
  const turns = new Turns(options.signal);
  for (const [path, entry] of listing.entries) {
    if (isSame(entry, known.get(path))) continue;
    changes.set(path, await withContent(path, entry, options));
    if (turns.isOver()) await turns.next();
  }
  for (const path of known.keys()) if (!listing.entries.has(path)) changes.set(path, undefined);
  return withChanges(known, changes);
}

async function withContent(
  path: string,
  entry: ListedEntry,
  { source, signal }: ScanOptions,
): Promise<LocalEntry | undefined> {
  if (entry.kind !== 'file') return entry;
  const content = await hashFile(source, path, entry, signal);
  return content === undefined ? undefined : { ...entry, ...content };
}

function isSame(entry: ListedEntry, before: LocalEntry | undefined): boolean {
  if (entry.kind === 'file') return isUnchanged(entry, before);
  return before !== undefined && sameEntry(before, entry);
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
