import type { IgnoreRules } from '../sync/ignore-rules.js';
import {
  fileIn,
  type ListedFile,
  type ListOptions,
  type VisitedFolder,
  visitFolder,
} from '../sync/list-folder.js';
import { Listing, placeIn } from '../sync/listing.js';
import { isRacy, sameStamp, type Stamp } from '../sync/tree.js';
import type { DirtyFolders } from './dirty-folders.js';

/** Room in a listing at first: most folders are small. */
const ROOM = 16;

/** What is in one folder, in the order of the names. */
interface ListedFolder extends VisitedFolder {
  readonly listing: Listing;
  /** Inodes of files in it that have other names, too. */
  readonly linked: ReadonlySet<number>;
}

/** A listed folder: what has to be kept to list it again alone. */
export interface Folder {
  readonly outer: IgnoreRules;
  readonly inside: IgnoreRules;
  readonly ignoreFile: Stamp | undefined;
  /** The `.gitignore` was so young when it was read that its stamp proves nothing. */
  readonly isIgnoreFileRacy: boolean;
  readonly listing: Listing;
}

/** What a look at some folders found, before anything of it is believed. Paths are relative to the source. */
export interface Findings {
  readonly folders: Map<string, Folder>;
  /** New entries, and those that are not as they were listed the last time; parents before what is in them. Of the first look it is all, and not noted. */
  readonly found: Set<string>;
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

/** One look at the tree. */
export class Look {
  /** Inodes of files that were touched, or are not as they were, and have other names. */
  private readonly linked = new Set<number>();

  constructor(
    private readonly options: LookOptions,
    private readonly folders: ReadonlyMap<string, Folder>,
    private readonly dirty: DirtyFolders,
    private readonly findings: Findings,
  ) {}

  /** A folder that was listed before. One that was not is found through its parent, which was touched when it came. */
  *again(path: string): Generator<void> {
    const folder = this.folders.get(path);
    if (folder === undefined || this.isDone(path)) return;
    this.options.entering(path);
    if (this.takeSaves(path, folder)) {
      yield;
      return;
    }
    const listed = listFolder(this.options, path, (ignoreFile) => {
      const isSame =
        sameIgnoreFile(folder.ignoreFile, ignoreFile) && !this.mayBeOtherIgnoreFile(path, folder);
      return isSame ? folder.inside : folder.outer.enter(path, ignoreFile !== undefined);
    });
    this.take(path, folder.outer, listed);
    if (this.dirty.has(path, undefined)) this.findings.unclear.add(path);
    yield;
    const { listing, rules } = listed;
    const isDeep = rules !== folder.inside;
    for (const at of foldersAt(listing))
      if (isDeep || this.isNewFolder(path, folder.listing, listing, at))
        yield* this.deep(listing.paths[at] ?? '', rules);
  }

  /** Looks at nothing but files that are known, when nothing else was touched; true when that is all there is to see. */
  private takeSaves(path: string, folder: Folder): boolean {
    const names = this.dirty.fewNames(path);
    if (names === undefined || names.includes('.gitignore')) return false;
    const files = new Map<number, ListedFile>();
    for (const name of names) {
      const at = placeIn(folder.listing, path === '' ? name : `${path}/${name}`);
      if (at === undefined || folder.listing.kindAt(at) !== 'file') return false;
      const file = fileIn(this.options, folder.listing.paths[at] ?? '');
      if (file === undefined) return false;
      files.set(at, file);
    }
    this.takeFiles(path, folder, files);
    return true;
  }

  private takeFiles(path: string, folder: Folder, files: ReadonlyMap<number, ListedFile>): void {
    this.findings.folders.set(path, { ...folder, listing: folder.listing.withFiles(files) });
    for (const [at, { stats }] of files) {
      const saved = folder.listing.paths[at] ?? '';
      this.findings.touched.add(saved);
      this.findings.found.add(saved);
      if (stats.nlink > 1) this.linked.add(stats.ino);
    }
  }

  /** To be called after `again`: what is written through one of a file's names is told of that one alone. */
  *otherNames(): Generator<void> {
    if (this.linked.size === 0) return;
    const { folders, touched, gone } = this.findings;
    for (const [path, known] of this.folders) {
      if (gone.has(path)) continue;
      const folder = folders.get(path) ?? known;
      const files = new Map<number, ListedFile>();
      for (const [at, name] of folder.listing.paths.entries()) {
        if (!this.linked.has(folder.listing.inodeAt(at)) || touched.has(name)) continue;
        const file = fileIn(this.options, name);
        if (file !== undefined) files.set(at, file);
      }
      if (files.size > 0) this.takeFiles(path, folder, files);
      yield;
    }
  }

  /** A folder and all that is below it, whether it was listed before or not. */
  *deep(path: string, outer: IgnoreRules): Generator<void> {
    this.options.entering(path);
    const listed = listFolder(this.options, path, (ignoreFile) =>
      outer.enter(path, ignoreFile !== undefined),
    );
    this.take(path, outer, listed);
    this.findings.unclear.add(path);
    yield;
    const { listing, rules } = listed;
    for (const at of foldersAt(listing)) yield* this.deep(listing.paths[at] ?? '', rules);
  }

  /** Notes what is new, changed and gone. */
  private take(path: string, outer: IgnoreRules, { listing, rules, ignoreFile, linked }: ListedFolder): void {
    const before = this.folders.get(path)?.listing;
    let kept = 0;
    if (this.folders.size > 0)
      for (const [at, child] of listing.paths.entries()) {
        kept += Number(this.note(path, before, listing, at));
        if (linked.has(listing.inodeAt(at)) && this.findings.found.has(child))
          this.linked.add(listing.inodeAt(at));
      }
    if (before !== undefined && kept < before.paths.length)
      for (const child of before.paths) if (placeIn(listing, child) === undefined) this.drop(child);
    const isIgnoreFileRacy = ignoreFile !== undefined && isRacy(ignoreFile, listing.listedAtMs);
    this.findings.folders.set(path, { outer, inside: rules, ignoreFile, isIgnoreFileRacy, listing });
  }

  /** Answers whether the path was there before. */
  private note(folder: string, before: Listing | undefined, listing: Listing, at: number): boolean {
    const path = listing.paths[at] ?? '';
    const kind = listing.kindAt(at);
    // Mostly nothing has come or gone.
    const was = before?.paths[at] === path ? at : placeIn(before, path);
    if (was !== undefined && before?.kindAt(was) === 'directory' && kind !== 'directory')
      this.dropInside(path);
    const isTouched = kind === 'file' && this.dirty.has(folder, nameOf(path));
    if (isTouched) this.findings.touched.add(path);
    if (isTouched || was === undefined || before?.isSameAt(was, listing, at) !== true)
      this.findings.found.add(path);
    return was !== undefined;
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
    for (const child of folder.listing.paths) this.drop(child);
    this.findings.gone.add(path);
  }

  private isDone(path: string): boolean {
    return this.findings.folders.has(path) || this.findings.gone.has(path);
  }

  /** Not listed yet, or replaced by another one; one with the same inode number can be another one too, but then it was touched. */
  private isNewFolder(folder: string, before: Listing, listing: Listing, at: number): boolean {
    const path = listing.paths[at] ?? '';
    const was = placeIn(before, path);
    if (!this.folders.has(path) || was === undefined || before.kindAt(was) !== 'directory') return true;
    return this.dirty.has(folder, nameOf(path)) || before.inodeAt(was) !== listing.inodeAt(at);
  }
}

function listFolder(
  options: ListOptions,
  path: string,
  rulesInside: Parameters<typeof visitFolder>[2],
): ListedFolder {
  const listing = new Listing(Date.now(), ROOM);
  const linked = new Set<number>();
  const visited = visitFolder(options, path, rulesInside, (child, kind, mode, stats, target) => {
    listing.add(child, kind, mode, stats, target);
    if (kind === 'file' && stats.nlink > 1) linked.add(stats.ino);
  });
  return { ...visited, listing, linked };
}

function* foldersAt(listing: Listing): Generator<number> {
  for (const at of listing.paths.keys()) if (listing.kindAt(at) === 'directory') yield at;
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const sameIgnoreFile = (a: Stamp | undefined, b: Stamp | undefined): boolean =>
  a === undefined || b === undefined ? a === b : sameStamp(a, b);
