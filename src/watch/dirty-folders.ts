import type { Hint } from './watcher.js';

/** More names than the saves of a moment: to list their folder costs no more than to look at each. */
const FEW = 4;

/** Where something may have changed since the tree was last looked at. */
export class DirtyFolders {
  private isAll = false;
  /** Names in the folder that were touched; the undefined one is that of anything in it. */
  private readonly folders = new Map<string, Set<string | undefined>>();

  add(hint: Hint): void {
    if (hint.kind === 'all') this.isAll = true;
    else this.touch(hint.path, [hint.name]);
  }

  merge(other: DirtyFolders): void {
    this.isAll ||= other.isAll;
    for (const [folder, names] of other.folders) this.touch(folder, names);
  }

  /** True when every folder has to be looked at. */
  get all(): boolean {
    return this.isAll;
  }

  /** `name` undefined: whether it may be anything in the folder. */
  has(folder: string, name: string | undefined): boolean {
    return this.folders.get(folder)?.has(name) === true;
  }

  /** Nothing in the folder was touched but these, and they are few; undefined otherwise. */
  fewNames(folder: string): string[] | undefined {
    const names = this.folders.get(folder);
    if (this.isAll || names === undefined || names.size > FEW) return undefined;
    const known = [...names].filter((name) => name !== undefined);
    return known.length === names.size ? known : undefined;
  }

  /** Parents before what is in them. */
  topDown(): string[] {
    return [...this.folders.keys()].sort();
  }

  private touch(folder: string, names: Iterable<string | undefined>): void {
    const touched = this.folders.get(folder) ?? new Set<string | undefined>();
    for (const name of names) touched.add(name);
    this.folders.set(folder, touched);
  }
}
