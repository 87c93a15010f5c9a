import { isDeepStrictEqual } from 'node:util';
import { RdtError } from '../errors.js';
import { withChanges } from '../sync/layered-tree.js';
import type { UnreadFile } from '../sync/list-folder.js';
import { Comparison } from '../sync/scan.js';
import { type LocalEntry, type LocalTree, sameEntry, sameStamp } from '../sync/tree.js';
import { Turns } from '../sync/turns.js';
import { isInUse } from '../system-error.js';
import { byInode, FileReader } from './file-reader.js';
import type { TreeIndex } from './tree-index.js';
import type { Findings } from './tree-look.js';

const NOTHING: LocalTree = new Map<string, never>();

/** Keeps the tree with its hashes in step with the index, and what is still to be read. */
export class LocalTreeKeeper {
  private reader: FileReader;
  /** What was given the last time. */
  private given: LocalTree | undefined;
  /** The same with the newest time stamps. */
  private newest: LocalTree = NOTHING;
  /** Paths that may be other than in the tree; a new folder comes before what is in it. */
  private readonly pending = new Set<string>();
  /** Those of them whose stamp proves nothing. */
  private readonly touched = new Set<string>();
  /** Files that stay as they were because they cannot be read. */
  private readonly unread = new Set<string>();
  private looksWithNews = 0;

  constructor(
    private readonly source: string,
    private readonly index: TreeIndex,
    private readonly warn: (message: string) => void,
  ) {
    this.reader = new FileReader(source);
  }

  /** Takes over what a look at the folders found; returns the folders that are gone. */
  take(findings: Findings): string[] {
    const before = Array.from(findings.found, (path) => this.index.get(path));
    const left = this.index.apply(findings);
    const now = Array.from(findings.found, (path) => this.index.get(path));
    // What was touched may be as it was.
    if (findings.gone.size > 0 || !isDeepStrictEqual(before, now)) this.looksWithNews++;
    // Before the first reading all of it is pending.
    if (this.given === undefined) return left;
    for (const path of findings.gone) this.pending.add(path);
    for (const path of findings.found) this.pending.add(path);
    for (const path of findings.touched) this.touched.add(path);
    for (const path of this.reader.racyIn(findings.unclear)) this.pending.add(path);
    return left;
  }

  /** All is as before the first look, but of another edition; returns the folders that were known. */
  forget(): string[] {
    this.reader = new FileReader(this.source);
    this.given = undefined;
    this.newest = NOTHING;
    this.pending.clear();
    this.touched.clear();
    this.looksWithNews++;
    return this.index.forget();
  }

  /** Another one when a look has found anything else than the one before. */
  get edition(): number {
    return this.looksWithNews;
  }

  /** When the latest of the empty files among what is to be read was emptied or made: ms since 1970, undefined when there is none. */
  lastEmptiedAtMs(): number | undefined {
    let lastMs: number | undefined;
    for (const path of this.pending) {
      const now = this.index.get(path);
      if (now?.kind === 'file' && now.sizeBytes === 0) lastMs = Math.max(lastMs ?? 0, now.stamp.mtimeMs);
    }
    return lastMs;
  }

  /**
   * The tree as it is now; the same object as before when nothing differs but time stamps. A file that cannot be read any more stays as it
   * was, so that all others go on. @throws RdtError when a file cannot be read of which nothing is known, or that is in use.
   */
  async read(known: LocalTree = NOTHING, signal: AbortSignal): Promise<LocalTree> {
    this.unread.clear();
    const tree =
      this.given === undefined
        ? await this.readFirst(known, signal)
        : await this.readNews(this.given, known, signal);
    this.pending.clear();
    for (const path of this.unread) this.pending.add(path);
    this.touched.clear();
    return tree;
  }

  private async readNews(given: LocalTree, known: LocalTree, signal: AbortSignal): Promise<LocalTree> {
    const { newest } = this;
    const read = await this.readPending(newest, known, signal);
    const differs = [...read].some(([path, now]) => isOther(newest.get(path), now));
    this.newest = withChanges(newest, read);
    this.given = differs ? this.newest : given;
    return this.given;
  }

  /** As changes of what is known: of 20,000 files that are as they were no entry is made. */
  private async readFirst(known: LocalTree, signal: AbortSignal): Promise<LocalTree> {
    const before = new Comparison(known);
    const changes = new Map<string, LocalEntry | undefined>();
    const turns = new Turns(signal);
    for (const listing of this.index.listings())
      for (const [at, path] of listing.paths.entries()) {
        if (before.isSame(listing, at)) continue;
        const now = listing.entryAt(at);
        const content = now.kind === 'file' ? await this.readOrKeep(path, now, known, [], signal) : now;
        changes.set(path, content);
        if (turns.isOver()) await turns.next();
      }
    for (const path of before.gone()) changes.set(path, undefined);
    this.newest = withChanges(known, changes);
    this.given = this.newest;
    return this.given;
  }

  private async readPending(
    before: LocalTree,
    known: LocalTree,
    signal: AbortSignal,
  ): Promise<Map<string, LocalEntry | undefined>> {
    const read = new Map<string, LocalEntry | undefined>();
    const turns = new Turns(signal);
    const moved = byInode(before, this.gone());
    for (const path of this.pending) {
      const now = this.index.get(path);
      if (now === undefined) this.reader.forget(path);
      if (now?.kind !== 'file') {
        read.set(path, now);
        continue;
      }
      const isTrusted = !this.touched.has(path) && !this.reader.isRacy(path);
      const candidates = isTrusted ? [before.get(path), known.get(path), moved.get(now.stamp.inode)] : [];
      const file = await this.readOrKeep(path, now, before, candidates, signal);
      if (file === undefined || !isSame(before.get(path), file)) read.set(path, file);
      if (turns.isOver()) await turns.next();
    }
    return read;
  }

  private async readOrKeep(
    path: string,
    file: UnreadFile,
    before: LocalTree,
    candidates: readonly (LocalEntry | undefined)[],
    signal: AbortSignal,
  ): Promise<LocalEntry | undefined> {
    try {
      return await this.reader.read(path, file, before, candidates, signal);
    } catch (error) {
      signal.throwIfAborted();
      const kept = before.get(path);
      // What another program has open is tried again by itself, and soon.
      if (!(error instanceof RdtError) || isInUse(error.cause) || kept?.kind !== 'file') throw error;
      this.unread.add(path);
      this.warn([`${error.message}; the app keeps what it has of it.`, error.hint].filter(Boolean).join(' '));
      return kept;
    }
  }

  private *gone(): Generator<string> {
    for (const path of this.pending)
      if (this.index.get(path) === undefined && !this.reader.isRacy(path)) yield path;
  }
}

/** So that who compares entries by identity need not look closer. */
const isSame = (before: LocalEntry | undefined, now: LocalEntry): boolean =>
  before !== undefined && sameEntry(before, now) && sameStamp(before.stamp, now.stamp);

const isOther = (before: LocalEntry | undefined, now: LocalEntry | undefined): boolean =>
  before === undefined || now === undefined ? before !== now : !sameEntry(before, now);
