/** A map that cannot be changed; all of it follows from its entries. */
export abstract class EntryMap<E> implements ReadonlyMap<string, E> {
  abstract readonly size: number;

  abstract get(path: string): E | undefined;

  abstract entries(): MapIterator<[string, E]>;

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  *keys(): MapIterator<string> {
    for (const [path] of this.entries()) yield path;
  }

  *values(): MapIterator<E> {
    for (const [, entry] of this.entries()) yield entry;
  }

  [Symbol.iterator](): MapIterator<[string, E]> {
    return this.entries();
  }

  forEach(visit: (entry: E, path: string, tree: ReadonlyMap<string, E>) => void): void {
    for (const [path, entry] of this.entries()) visit(entry, path, this);
  }
}
