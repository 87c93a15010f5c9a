import { hashFile } from './hash-file.js';
import type { IgnoreRules } from './ignore-rules.js';
import { type ListedEntry, type ListOptions, type UnreadFile, visitFolder } from './list-folder.js';
import { Listing } from './listing.js';
import { baseOf, changesOf, type TreeChanges, withChanges } from './layered-tree.js';
import { SpecialFiles } from './special-files.js';
import { StoredTree } from './stored-tree.js';
import { type LocalEntry, type LocalTree, sameEntry, sameStamp } from './tree.js';
import { Turns } from './turns.js';

/** Grows as it has to. */
const ROOM = 1024;

export interface ScanOptions extends Omit<ListOptions, 'leaveOut'> {
  readonly rules: IgnoreRules;
  readonly signal: AbortSignal;
}

/**
 * Lists the folder that is to be synced. Ignored folders are not entered; symbolic links are kept as links.
 * @throws RdtError when the source or a folder in it that is not ignored cannot be read.
 */
export async function listTree(options: ScanOptions): Promise<Listing> {
  const turns = new Turns(options.signal);
  // What was asked of the device just before is sent first.
  await turns.next();
  const listing = new Listing(Date.now(), ROOM);
  const special = new SpecialFiles((message) => options.warn(message));
  const leaveOut = (path: string): void => special.add(path);
  await turns.take(walk({ ...options, leaveOut }, '', options.rules, listing));
  special.tell();
  return listing;
}

/**
 * Reads the files of a listing and gives each its hash; what is as `known` has it is not read, and keeps its very entry.
 * @throws RdtError when a file cannot be read. One that has vanished meanwhile is left out.
 */
export async function hashTree(listing: Listing, known: LocalTree, options: ScanOptions): Promise<LocalTree> {
  const changes = new Map<string, LocalEntry | undefined>();
  const before = new Comparison(known);
  const turns = new Turns(options.signal);
  for (const [at, path] of listing.paths.entries()) {
    if (before.isSame(listing, at)) continue;
    changes.set(path, await withContent(path, listing.entryAt(at), known, options));
    if (turns.isOver()) await turns.next();
  }
  for (const path of before.gone()) changes.set(path, undefined);
  return withChanges(known, changes);
}

/** What was just listed against what is known; most quickly in the order of what is stored. */
export class Comparison {
  private readonly stored: StoredTree | undefined;
  private readonly changes: TreeChanges<LocalEntry>;
  private readonly listed: Listing[] = [];
  private met = 0;

  constructor(private readonly known: LocalTree) {
    const base = baseOf(known);
    this.stored = base instanceof StoredTree ? base : undefined;
    this.changes = changesOf(known);
  }

  /** Whether the entry is as it was, a file by git's rule; to be asked once for each path. */
  isSame(listing: Listing, at: number): boolean {
    if (this.listed.at(-1) !== listing) this.listed.push(listing);
    const path = listing.paths[at] ?? '';
    if (this.stored !== undefined && !this.changes.has(path))
      return this.isSameAsStored(this.stored, path, listing, at);
    this.stored?.pass(path);
    const entry = this.known.get(path);
    if (entry === undefined) return false;
    this.met++;
    return isSame(listing.entryAt(at), entry);
  }

  private isSameAsStored(stored: StoredTree, path: string, listing: Listing, at: number): boolean {
    const place = stored.placeOf(path);
    if (place === undefined) return false;
    this.met++;
    return stored.isSameAt(place, listing, at);
  }

  /** What is known and was not listed, when all that was listed has been compared. */
  gone(): string[] {
    if (this.met === this.known.size) return [];
    const listed = new Set(this.listed.flatMap(({ paths }) => paths));
    return [...this.known.keys()].filter((path) => !listed.has(path));
  }
}

async function withContent(
  path: string,
  entry: ListedEntry,
  known: LocalTree,
  { source, signal }: ScanOptions,
): Promise<LocalEntry | undefined> {
  if (entry.kind !== 'file') return entry;
  const content = await hashFile(source, path, entry, known, signal);
  return content === undefined ? undefined : { ...entry, ...content };
}

const isSame = (entry: ListedEntry, before: LocalEntry): boolean =>
  entry.kind === 'file' ? isUnchanged(entry, before) : sameEntry(before, entry);

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
  options: ListOptions,
  directory: string,
  outer: IgnoreRules,
  listing: Listing,
): Generator<void> {
  const folders: string[] = [];
  const { rules } = visitFolder(
    options,
    directory,
    (ignoreFile) => outer.enter(directory, ignoreFile !== undefined),
    (path, kind, mode, stats, target) => {
      listing.add(path, kind, mode, stats, target);
      if (kind === 'directory') folders.push(path);
    },
  );
  yield;
  for (const folder of folders) yield* walk(options, folder, rules, listing);
}
