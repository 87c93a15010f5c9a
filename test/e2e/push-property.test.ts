import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { containerTree, localTree } from './file-trees.js';
import { Rdt } from './rdt.js';

const STEPS_BETWEEN_PUSHES = 10;
const SEED = Number(process.env['RDT_TEST_SEED'] ?? 20_261_123);

/** mulberry32: small, seeded, good enough to choose files. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NAMES = ['a', 'b', 'c d', 'ü', '-x', "q'uote", 'new\nline', 'x'.repeat(120), '.hidden', 'dollar$HOME'];

class RandomFolder {
  constructor(
    readonly root: string,
    private readonly random: (below: number) => number,
  ) {}

  step(): void {
    const write = (): void => this.write();
    const actions = [
      ...[write, write, write],
      () => this.remove(),
      () => this.rename(),
      () => this.folder(),
      () => this.link(),
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
    writeFileSync(path, `${this.random(1_000_000)}`.repeat(1 + this.random(2000)));
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

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'pushprop', images: ['busybox', 'gnu'] });
});
afterAll(() => device.down());

/** The programs of the image do the work of a sync that deletes: both families of them have to. */
it.each([
  ['busybox', 500],
  ['gnu', 100],
])(
  'keeps a %s container equal to the folder over %i random steps',
  { timeout: 900_000 },
  async (image, steps) => {
    using rdt = new Rdt();
    const source = join(rdt.home, 'project');
    mkdirSync(source);
    writeFileSync(
      join(source, 'Dockerfile'),
      `FROM ${image}\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n`,
    );
    writeFileSync(join(source, 'main.sh'), 'while true; do sleep 1; done\n');
    const folder = new RandomFolder(source, randomFrom(SEED));
    for (let step = 1; step <= steps; step++) {
      folder.step();
      if (step % STEPS_BETWEEN_PUSHES !== 0) continue;
      const flags = ['--app-name', `property-${image}`, '--skip-logs', '--force'];
      const { exitCode, stderr } = await rdt.run(['push', device.address, ...flags], { cwd: source });
      expect(exitCode, stderr).toBe(0);
      const engine = `tcp://${device.address}:${device.enginePort}`;
      const there = await containerTree(engine, `property-${image}`, '/usr/src/app');
      expect(there, `after step ${step} of seed ${SEED}`).toEqual(localTree(source, isProjectFile));
    }
  },
);

const isProjectFile = (path: string): boolean => path === '.resin-sync.yml';
