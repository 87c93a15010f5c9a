import { join } from 'node:path';
import { statIfThere } from '../sync/file-content.js';
import type { IgnoreRules } from '../sync/ignore-rules.js';
import { foldersIn, type ListedEntry } from '../sync/list-folder.js';
import { type Listing, placeIn } from '../sync/listing.js';
import { SpecialFiles } from '../sync/special-files.js';
import { parentOf } from '../sync/tree.js';
import type { DirtyFolders } from './dirty-folders.js';
import { type Findings, type Folder, Look, type LookOptions, nameOf } from './tree-look.js';

/** The folder tree as it was found by the last looks at it. */
export class TreeIndex {
  private readonly folders = new Map<string, Folder>();

  private readonly options: LookOptions;
  private readonly special: SpecialFiles;

  constructor(options: Omit<LookOptions, 'leaveOut'>) {
    this.special = new SpecialFiles((message) => options.warn(message));
    this.options = { ...options, leaveOut: (path) => this.special.add(path) };
  }

  /** One for each folder; parents before what is in them. */
  *listings(): Generator<Listing> {
    for (const { listing } of this.folders.values()) yield listing;
  }

  /** Undefined for a path that is not there. */
  get(path: string): ListedEntry | undefined {
    const listing = this.folders.get(parentOf(path))?.listing;
    const at = placeIn(listing, path);
    return at === undefined ? undefined : listing?.entryAt(at);
  }

  /** False for a folder that was not listed yet. */
  hasFolder(folder: string): boolean {
    return this.folders.has(folder);
  }

  /** What happens to the path changes nothing: it was left out by the last look, and is now. */
  isIgnored(folder: string, path: string): boolean {
    const known = this.folders.get(folder);
    if (known === undefined || placeIn(known.listing, path) !== undefined || nameOf(path) === '.gitignore')
      return false;
    const rules = known.inside;
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
      found: new Set(),
      gone: new Set(),
      touched: new Set(),
      unclear: new Set(),
    };
    const look = new Look(this.options, this.folders, dirty, findings);
    if (dirty.all || !this.folders.has('')) yield* look.deep('', this.options.rules());
    else {
      for (const folder of dirty.topDown()) yield* look.again(folder);
      yield* look.otherNames();
    }
    this.special.tell();
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

  /** The next look is as the first one; returns the folders that were known. */
  forget(): string[] {
    const known = [...this.folders.keys()];
    this.folders.clear();
    return known;
  }

  /** Takes over what a look found; returns the folders that are gone. */
  apply({ folders, gone }: Findings): string[] {
    const left: string[] = [];
    for (const path of gone) if (this.folders.delete(path)) left.push(path);
    for (const [path, folder] of folders) this.folders.set(path, folder);
    return left;
  }
}

const hasIgnoreFile = (source: string, folder: string): boolean =>
  statIfThere(join(source, folder, '.gitignore'))?.isFile() === true;
