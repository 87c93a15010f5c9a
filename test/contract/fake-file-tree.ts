import { posix } from 'node:path';
import { EngineError } from '../../src/transport/engine-error.js';
import type { PathStat } from '../../src/transport/engine.js';

interface Attributes {
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
}

/** Hard links share one and the same object. */
export type FakeNode =
  | ({ kind: 'file'; bytes: Buffer } & Attributes)
  | ({ kind: 'directory'; children: Map<string, FakeNode> } & Attributes)
  | ({ kind: 'symlink'; target: string } & Attributes);

type Directory = Extract<FakeNode, { kind: 'directory' }>;

const MAX_LINKS = 40;
const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;

const attributes = (mode: number): Attributes => ({ mode, uid: 0, gid: 0, mtimeMs: 0 });

export const newDirectory = (mode = 0o755): Directory => ({
  kind: 'directory',
  children: new Map(),
  ...attributes(mode),
});

/** The files of one container, also those on its mounts. Paths are absolute; links in the middle of a path are followed inside the tree, the last part never is. */
export class FakeFileTree {
  readonly root: Directory = newDirectory();
  /** Where another file system begins: no hard link leads from one to the other. */
  mountPoints: readonly string[] = [];

  /** Files by absolute path; folders in between are made. */
  static of(files: Readonly<Record<string, string>>): FakeFileTree {
    const tree = new FakeFileTree();
    for (const [path, content] of Object.entries(files)) tree.write(path, content);
    return tree;
  }

  copy(): FakeFileTree {
    const tree = new FakeFileTree();
    for (const [name, node] of this.root.children) tree.root.children.set(name, structuredCloneOf(node));
    return tree;
  }

  find(path: string): FakeNode | undefined {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) return this.root;
    return this.directory(parts)?.children.get(name);
  }

  /** As `find`, but a link at the end is followed too. */
  resolve(path: string): FakeNode | undefined {
    return this.follow(this.find(path), posix.dirname(path), 0);
  }

  read(path: string): string | undefined {
    const node = this.resolve(path);
    return node?.kind === 'file' ? node.bytes.toString('utf8') : undefined;
  }

  write(path: string, content: string | Buffer, mode = 0o644): void {
    this.put(path, { kind: 'file', bytes: Buffer.from(content), ...attributes(mode) });
  }

  /** Puts a node in place of whatever is there, and makes the folders above it. */
  put(path: string, node: FakeNode): void {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw new EngineError(500, `cannot replace ${path}`);
    this.makeDirectory(parts).children.set(name, node);
  }

  remove(path: string): boolean {
    const parts = partsOf(path);
    const name = parts.pop();
    return name !== undefined && this.directory(parts)?.children.delete(name) === true;
  }

  stat(path: string): PathStat | undefined {
    const node = this.find(path);
    if (node === undefined) return undefined;
    return {
      name: posix.basename(path),
      sizeBytes:
        node.kind === 'file' ? node.bytes.length : node.kind === 'symlink' ? node.target.length : 4096,
      goMode:
        node.mode + (node.kind === 'directory' ? GO_DIRECTORY : node.kind === 'symlink' ? GO_SYMLINK : 0),
      linkTarget: node.kind === 'symlink' ? this.realPath(path) : '',
    };
  }

  /** Where a path leads to when all links are followed; a part that is not there is taken as it is. */
  realPath(path: string, links = 0): string {
    if (links > MAX_LINKS) throw new EngineError(500, 'too many links');
    return partsOf(path).reduce((folder, part) => {
      const next = posix.join(folder, part);
      const node = this.find(next);
      if (node?.kind !== 'symlink') return next;
      return this.realPath(posix.resolve(folder, node.target), links + 1);
    }, '/');
  }

  /** The mount that a name in a folder is on; '' for the container's own root. */
  mountOf(path: string): string {
    const folder = this.realPath(posix.dirname(path));
    const holders = this.mountPoints
      .map((point) => this.realPath(point))
      .filter((point) => `${folder}/`.startsWith(`${point}/`));
    return holders.sort((a, b) => b.length - a.length)[0] ?? '';
  }

  /** All paths in sorted order with a word about each: `rw-r--r-- file`, a link's target. For comparing trees in a test. */
  list(below = '/'): string[] {
    const node = this.resolve(below);
    if (node?.kind !== 'directory') return [];
    return [...node.children.entries()].sort(byName).flatMap(([name, child]) => {
      const path = posix.join(below, name);
      if (child.kind === 'directory') return [`${path}/`, ...this.list(path)];
      return [child.kind === 'symlink' ? `${path} -> ${child.target}` : path];
    });
  }

  private directory(parts: readonly string[]): Directory | undefined {
    let current: Directory = this.root;
    let path = '/';
    for (const part of parts) {
      const next = this.follow(current.children.get(part), path, 0);
      if (next?.kind !== 'directory') return undefined;
      current = next;
      path = posix.join(path, part);
    }
    return current;
  }

  private makeDirectory(parts: readonly string[]): Directory {
    let current: Directory = this.root;
    let path = '/';
    for (const part of parts) {
      let next = this.follow(current.children.get(part), path, 0);
      if (next === undefined) {
        next = newDirectory();
        current.children.set(part, next);
      }
      if (next.kind !== 'directory')
        throw new EngineError(500, `mkdir ${posix.join(path, part)}: not a directory`);
      current = next;
      path = posix.join(path, part);
    }
    return current;
  }

  private follow(node: FakeNode | undefined, folder: string, depth: number): FakeNode | undefined {
    if (node?.kind !== 'symlink') return node;
    if (depth > MAX_LINKS) throw new EngineError(500, 'too many links');
    const target = posix.resolve(folder, node.target);
    return this.follow(this.find(target), posix.dirname(target), depth + 1);
  }
}

const partsOf = (path: string): string[] =>
  posix
    .resolve('/', path)
    .split('/')
    .filter((part) => part !== '');

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

const structuredCloneOf = (node: FakeNode): FakeNode => {
  if (node.kind !== 'directory') return { ...node };
  const children = [...node.children].map(([name, child]) => [name, structuredCloneOf(child)] as const);
  return { ...node, children: new Map(children) };
};
