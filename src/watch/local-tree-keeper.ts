import { type LocalEntry, type LocalTree, sameEntry, sameStamp } from '../sync/tree.js';
import { Turns } from '../sync/turns.js';
import { byInode, FileReader } from './file-reader.js';
import type { Findings, TreeIndex } from './tree-index.js';

const NOTHING: LocalTree = new Map<string, never>();

/** Keeps the tree with its hashes in step with the index, and what is still to be read. */
export class LocalTreeKeeper {
  private readonly reader: FileReader;
  private tree: Map<string, LocalEntry> | undefined;
  /** Paths that may be other than in the tree; a new folder comes before what is in it. */
  private readonly pending = new Set<string>();
  /** Those of them whose stamp proves nothing. */
  private readonly touched = new Set<string>();

  constructor(
    source: string,
    private readonly index: TreeIndex,
  ) {
    this.reader = new FileReader(source);
  }

  /** Takes over what a look at the folders found; returns the folders that are gone. */
  take(findings: Findings): string[] {
    const left = this.index.apply(findings);
    for (const path of findings.gone) this.pending.add(path);
    for (const path of findings.found.keys()) this.pending.add(path);
    for (const path of findings.touched) this.touched.add(path);
    for (const path of this.reader.racyIn(findings.unclear)) this.pending.add(path);
    return left;
  }

  /** The tree as it is now; the same object as before when nothing differs. */
  async read(known: LocalTree = NOTHING, signal: AbortSignal): Promise<LocalTree> {
    const before = this.tree ?? NOTHING;
    const read = await this.readPending(before, known, signal);
    const differs =
      this.tree === undefined || [...read].some(([path, now]) => isOther(before.get(path), now));
    const tree = this.tree === undefined || differs ? new Map(before) : this.tree;
    for (const [path, entry] of read) {
      if (entry === undefined) tree.delete(path);
      else tree.set(path, entry);
    }
    this.tree = tree;
    this.pending.clear();
    this.touched.clear();
    return tree;
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
      const now = this.index.entries.get(path);
      if (now === undefined) this.reader.forget(path);
      if (now?.kind !== 'file') {
        read.set(path, now);
        continue;
      }
      const isTrusted = !this.touched.has(path) && !this.reader.isRacy(path);
      const candidates = isTrusted ? [before.get(path), known.get(path), moved.get(now.stamp.inode)] : [];
      const file = await this.reader.read(path, now, candidates, signal);
      read.set(path, isSame(before.get(path), file) ? before.get(path) : file);
      if (turns.isOver()) await turns.next();
    }
    return read;
  }

  private *gone(): Generator<string> {
    for (const path of this.pending)
      if (!this.index.entries.has(path) && !this.reader.isRacy(path)) yield path;
  }
}

/** So that who compares entries by identity need not look closer. */
const isSame = (before: LocalEntry | undefined, now: LocalEntry | undefined): boolean =>
  before !== undefined && now !== undefined && sameEntry(before, now) && sameStamp(before.stamp, now.stamp);

const isOther = (before: LocalEntry | undefined, now: LocalEntry | undefined): boolean =>
  before === undefined || now === undefined ? before !== now : !sameEntry(before, now);
