import type { Deletion } from '../sync/sync-plan.js';

/** Deletions that look like a mistake, and wait until their files are back in the folder, or somebody says it twice. */
export class HeldBack {
  private paths: ReadonlySet<string> = new Set();

  /** Those that wait already, of all that a plan deletes. What is not among them has come back, and is deleted as ever should it go again. */
  of(deletions: readonly Deletion[]): readonly Deletion[] {
    const waiting = deletions.filter(({ path }) => this.paths.has(path));
    this.paths = new Set(waiting.map(({ path }) => path));
    return waiting;
  }

  add(deletions: readonly Deletion[]): void {
    this.paths = new Set([...this.paths, ...deletions.map(({ path }) => path)]);
  }
}
