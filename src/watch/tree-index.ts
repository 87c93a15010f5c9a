import { join } from 'node:path';
import { statIfThere } from '../sync/file-content.js';
import type { IgnoreRules } from '../sync/ignore-rules.js';
import {
  type FolderListing,
  foldersIn,
  type ListedEntry,
  listFolder,
  type ListOptions,
} from '../sync/list-folder.js';
import { isRacy, sameStamp, type Stamp } from '../sync/tree.js';
import type { DirtyFolders } from './dirty-folders.js';

/** A listed folder: what has to be kept to list it again alone. */
interface Folder {
  readonly outer: IgnoreRules;
  readonly inside: IgnoreRules;
  readonly ignoreFile: Stamp | undefined;
  /** The `.gitignore` was so young when it was read that its stamp proves nothing. */
  readonly isIgnoreFileRacy: boolean;
  readonly paths: readonly string[];
}

/** What a look at some folders found, before anything of it is believed. Paths are relative to the source. */
export interface Findings {
  readonly folders: Map<string, Folder>;
  /** New entries, and those that are not as they were listed the last time; parents before what is in them. */
  readonly found: Map<string, ListedEntry>;
  /** Paths that are gone, or ignored now; what is in a folder comes with it. */
  readonly gone: Set<string>;
  /** Files that were touched: equal stamps do not show that they are the same. */
  readonly touched: Set<string>;
  /** Folders in which any file may have been touched. */
  readonly unclear: Set<string>;
}

export interface LookOptions extends ListOptions {
  /** The rules outside of the source, as they are now. */
  rules(): IgnoreRules;
  /** Called before a folder is listed. */
  entering(folder: string): void;
}

/** The folder tree as it was found by the last looks at it. */
export class TreeIndex {
  private folders = new Map<string, Folder>();
  private known = new Map<string, ListedEntry>();

  constructor(private readonly options: LookOptions) {}

  /** Parents before what is in them. */
  get entries(): ReadonlyMap<string, ListedEntry> {
    return this.known;
  }

  /** False for a folder that was not listed yet. */
  hasFolder(folder: string): boolean {
    return this.folders.has(folder);
  }

  /** What happens to the path changes nothing: it was left out by the last look, and is now. */
  isIgnored(folder: string, path: string): boolean {
    const rules = this.folders.get(folder)?.inside;
    if (rules === undefined || this.known.has(path) || nameOf(path) === '.gitignore') return false;
    const asFile = rules.isIgnored(path, false);
    const asFolder = rules.isIgnored(path, true);
    if (asFile === asFolder) return asFile;
    const stats = statIfThere(join(this.options.source, path));
    return stats === undefined || (stats.isDirectory() ? asFolder : asFile);
  }

  /** Lists the folders that may have changed and what is new in them; yields after each. Changes nothing here. */
  *look(dirty: DirtyFolders): Generator<void, Findings> {
    const findings: Findings = {
      folders: new Map(),
      found: new Map(),
      gone: new Set(),
      touched: new Set(),
      unclear: new Set(),
    };
    const look = new Look(this.options, this.folders, this.known, dirty, findings);
    if (dirty.all || !this.folders.has('')) yield* look.deep('', this.options.rules());
    else for (const folder of dirty.topDown()) yield* look.again(folder);
    return findings;
  }

  /**
   * Folders that were not listed yet, in those that may have changed; a folder is given before what is in it is listed. Cheap: looks
   * at names alone, until it is over. Who wants to hear what goes on in them has no need to wait for the next look.
   */
  *newFolders(dirty: DirtyFolders, isOver: () => boolean): Generator<string> {
    for (const path of dirty.topDown()) {
      const folder = this.folders.get(path);
      if (folder !== undefined) yield* this.newIn(path, folder.inside, isOver);
    }
  }

  private *newIn(path: string, rules: IgnoreRules, isOver: () => boolean): Generator<string> {
    if (isOver()) return;
    for (const child of foldersIn(this.options, path)) {
      if (this.folders.has(child) || rules.isIgnored(child, true)) continue;
      yield child;
      yield* this.newIn(child, rules.enter(child, hasIgnoreFile(this.options.source, child)), isOver);
    }
  }

  /** Takes over what a look found; returns the folders that are gone. */
  apply({ folders, found, gone }: Findings): string[] {
    if (this.folders.size === 0) {
      // The first look: nothing of 20,000 entries is copied.
      this.folders = folders;
      this.known = found;
      return [];
    }
    const left: string[] = [];
    for (const path of gone) {
      this.known.delete(path);
      if (this.folders.delete(path)) left.push(path);
    }
    for (const [path, folder] of folders) this.folders.set(path, folder);
    for (const [path, entry] of found) this.known.set(path, entry);
    return left;
  }
}

/** One look at the tree. */
class Look {
  constructor(
    private readonly options: LookOptions,
    private readonly folders: ReadonlyMap<string, Folder>,
    private readonly known: ReadonlyMap<string, ListedEntry>,
    private readonly dirty: DirtyFolders,
    private readonly findings: Findings,
  ) {}

  /** A folder that was listed before. One that was not is found through its parent, which was touched when it came. */
  *again(path: string): Generator<void> {
    const folder = this.folders.get(path);
    if (folder === undefined || this.isDone(path)) return;
    this.options.entering(path);
    const listing = listFolder(this.options, path, (ignoreFile) => {
      const isSame =
        sameIgnoreFile(folder.ignoreFile, ignoreFile) && !this.mayBeOtherIgnoreFile(path, folder);
      return isSame ? folder.inside : folder.outer.enter(path, ignoreFile !== undefined);
    });
    const inner = this.take(path, folder.outer, listing);
    if (this.dirty.has(path, undefined)) this.findings.unclear.add(path);
    yield;
    const isDeep = listing.rules !== folder.inside;
    for (const child of inner)
      if (isDeep || this.isNewFolder(path, child)) yield* this.deep(child, listing.rules);
  }

  /** A folder and all that is below it, whether it was listed before or not. */
  *deep(path: string, outer: IgnoreRules): Generator<void> {
    this.options.entering(path);
    const listing = listFolder(this.options, path, (ignoreFile) =>
      outer.enter(path, ignoreFile !== undefined),
    );
    const inner = this.take(path, outer, listing);
    this.findings.unclear.add(path);
    yield;
    for (const child of inner) yield* this.deep(child, listing.rules);
  }

  /** Notes what is new, changed and gone; returns the folders in it. */
  private take(path: string, outer: IgnoreRules, { entries, rules, ignoreFile }: FolderListing): string[] {
    const inner: string[] = [];
    for (const [child, entry] of entries) {
      if (entry.kind === 'directory') inner.push(child);
      this.note(path, child, entry);
    }
    for (const child of this.folders.get(path)?.paths ?? []) if (!entries.has(child)) this.drop(child);
    const isIgnoreFileRacy = ignoreFile !== undefined && isRacy(ignoreFile, Date.now());
    const paths = [...entries.keys()];
    this.findings.folders.set(path, { outer, inside: rules, ignoreFile, isIgnoreFileRacy, paths });
    return inner;
  }

  private note(folder: string, path: string, entry: ListedEntry): void {
    const before = this.known.get(path);
    if (before?.kind === 'directory' && entry.kind !== 'directory') this.dropInside(path);
    const isTouched = entry.kind === 'file' && this.dirty.has(folder, nameOf(path));
    if (isTouched) this.findings.touched.add(path);
    if (isTouched || before === undefined || !sameListing(before, entry))
      this.findings.found.set(path, entry);
  }

  /** With the same stamp. */
  private mayBeOtherIgnoreFile(path: string, { isIgnoreFileRacy }: Folder): boolean {
    return this.dirty.has(path, '.gitignore') || (isIgnoreFileRacy && this.dirty.has(path, undefined));
  }

  private drop(path: string): void {
    this.findings.gone.add(path);
    this.dropInside(path);
  }

  private dropInside(path: string): void {
    const folder = this.folders.get(path);
    if (folder === undefined) return;
    for (const child of folder.paths) this.drop(child);
    this.findings.gone.add(path);
  }

  private isDone(path: string): boolean {
    return this.findings.folders.has(path) || this.findings.gone.has(path);
  }

  /** Not listed yet, or replaced by another one; one with the same inode number can be another one too, but then it was touched. */
  private isNewFolder(folder: string, path: string): boolean {
    const before = this.known.get(path);
    const now = this.findings.found.get(path);
    if (!this.folders.has(path) || before?.kind !== 'directory') return true;
    return (
      this.dirty.has(folder, nameOf(path)) || (now !== undefined && now.stamp.inode !== before.stamp.inode)
    );
  }
}

const hasIgnoreFile = (source: string, folder: string): boolean =>
  statIfThere(join(source, folder, '.gitignore'))?.isFile() === true;

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const sameIgnoreFile = (a: Stamp | undefined, b: Stamp | undefined): boolean =>
  a === undefined || b === undefined ? a === b : sameStamp(a, b);

function sameListing(a: ListedEntry, b: ListedEntry): boolean {
  if (!sameStamp(a.stamp, b.stamp)) return false;
  switch (b.kind) {
    case 'file':
      return a.kind === 'file' && a.mode === b.mode && a.sizeBytes === b.sizeBytes;
    case 'directory':
      return a.kind === 'directory' && a.mode === b.mode;
    case 'symlink':
      return a.kind === 'symlink' && a.target === b.target;
  }
}
