import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { canLink } from '../unit/can-link.js';
import { localTree } from './file-trees.js';

/** mulberry32: small, seeded, good enough to choose files. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NAMES = [
  'a',
  'b',
  'c d',
  'ü',
  '-x',
  "q'uote",
  ...(process.platform === 'win32' ? [] : ['new\nline']),
  'x'.repeat(120),
  '.hidden',
  'dollar$HOME',
];

/** A folder in which each step changes something at random: contents, names, modes, links, kinds. */
export class RandomFolder {
  constructor(
    readonly root: string,
    private readonly random: (below: number) => number,
    private readonly textOf: (random: (below: number) => number) => string = repeated,
  ) {}

  step(): void {
    const write = (): void => this.write();
    const actions = [
      ...[write, write, write],
      () => this.remove(),
      () => this.rename(),
      () => this.folder(),
      ...(canLink ? [() => this.link()] : []),
      () => this.mode(),
      () => this.swap(),
    ];
    this.pick(actions)();
  }

  private pick<T>(items: readonly T[]): T {
    const item = items[this.random(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  private paths(): string[] {
    return [...localTree(this.root).keys()].filter(
      (path) => !/^(Dockerfile|main\.sh|\.resin-sync\.yml)$/.test(path),
    );
  }

  private folders(): string[] {
    return ['', ...this.paths().filter((path) => lstatSync(join(this.root, path)).isDirectory())];
  }

  private fresh(): string {
    return join(this.root, this.pick(this.folders()), this.pick(NAMES));
  }

  private clear(path: string): void {
    if (path !== this.root) rmSync(path, { recursive: true, force: true });
  }

  private isProject(path: string): boolean {
    return dirname(path) === this.root && /^(Dockerfile|main\.sh)$/.test(path.slice(this.root.length + 1));
  }

  private write(): void {
    const path = this.fresh();
    if (this.isProject(path)) return;
    this.clear(path);
    writeFileSync(path, this.textOf(this.random));
  }

  private remove(): void {
    const paths = this.paths();
    if (paths.length > 0) this.clear(join(this.root, this.pick(paths)));
  }

  private rename(): void {
    const paths = this.paths();
    if (paths.length === 0) return;
    const from = join(this.root, this.pick(paths));
    const to = this.fresh();
    if (to.startsWith(from) || from.startsWith(to)) return;
    this.clear(to);
    renameSync(from, to);
  }

  private folder(): void {
    const path = this.fresh();
    this.clear(path);
    mkdirSync(path);
  }

  private link(): void {
    const path = this.fresh();
    this.clear(path);
    symlinkSync(this.pick(['a', '../b', '/etc/passwd', 'nowhere', '.']), path);
  }

  private mode(): void {
    const files = this.paths().filter((path) => !lstatSync(join(this.root, path)).isSymbolicLink());
    if (files.length === 0) return;
    const path = join(this.root, this.pick(files));
    const modes = lstatSync(path).isDirectory()
      ? [0o755, 0o700, 0o2755]
      : [0o644, 0o600, 0o755, 0o4755, 0o444];
    chmodSync(path, this.pick(modes));
  }

  /** A folder becomes a file, or a file becomes a folder with something in it. */
  private swap(): void {
    const paths = this.paths();
    if (paths.length === 0) return;
    const path = join(this.root, this.pick(paths));
    const wasFolder = lstatSync(path).isDirectory();
    this.clear(path);
    if (wasFolder) {
      writeFileSync(path, 'was a folder');
      return;
    }
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), 'was a file');
  }
}

const repeated = (random: (below: number) => number): string =>
  `${random(1_000_000)}`.repeat(1 + random(2000));
