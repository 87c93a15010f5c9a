import type { BootEntry, BootFiles } from '../../src/image/boot-files.js';

/** A boot partition in memory that counts its changes. */
export class MemoryBootFiles implements BootFiles {
  readonly #files = new Map<string, Buffer>();
  changes = 0;

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [path, content] of Object.entries(files)) this.#files.set(path, Buffer.from(content));
  }

  /** All files as text. */
  get texts(): Record<string, string> {
    return Object.fromEntries([...this.#files].map(([path, content]) => [path, content.toString()]));
  }

  read(path: string): Promise<Buffer | undefined> {
    return Promise.resolve(this.#files.get(this.#find(path)));
  }

  list(path: string): Promise<readonly BootEntry[] | undefined> {
    const folder = path === '/' ? '/' : `${path}/`;
    const entries = new Map<string, BootEntry>();
    for (const [file, content] of this.#files) {
      if (!file.startsWith(folder)) continue;
      const [name = '', ...deeper] = file.slice(folder.length).split('/');
      const kind = deeper.length > 0 ? 'directory' : 'file';
      entries.set(name, { name, kind, sizeBytes: kind === 'file' ? content.length : 0 });
    }
    return Promise.resolve(entries.size === 0 && path !== '/' ? undefined : [...entries.values()]);
  }

  async replace(path: string, content: Buffer): Promise<void> {
    if ((await this.read(path))?.equals(content) === true) return;
    this.#files.set(this.#find(path), Buffer.from(content));
    this.changes++;
  }

  remove(path: string): Promise<void> {
    if (this.#files.delete(this.#find(path))) this.changes++;
    return Promise.resolve();
  }

  /** FAT finds names whatever their case. */
  #find(path: string): string {
    return [...this.#files.keys()].find((known) => known.toLowerCase() === path.toLowerCase()) ?? path;
  }
}
