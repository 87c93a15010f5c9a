import { posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Patch } from './patch.js';
import { pathLine } from './path-line.js';
import type { Deletion } from './sync-plan.js';
import type { TarHeader, TarWriter } from './tar-writer.js';

/** Symbolic link whose target is the id of the last whole sync, or `dirty` while one is under way. */
export const STATE_LINK = '.rdt-state';
/** New contents wait here until all of them have arrived. Its files carry no extension, so that no watcher in the container fires on them. */
const STAGE = '.rdt-stage';
export const DIRTY = 'dirty';

/** A script renames so many entries into place, a program each; more are linked by tar itself, which takes the old file away a moment before. */
const MOST_MOVES = 16;
const NS_PER_SECOND = 1_000_000_000n;

/** Where a staged entry goes in the end; `name` is its path. */
export interface Placement extends TarHeader {
  /** The staged entry. */
  readonly linkname: string;
  /** Given for an entry that is empty until the script has patched it: what is new waits beside it. */
  readonly patch?: Patch;
}

/** What an archive has around its contents, as its receiver wants it. */
export interface CommitStage {
  /** Where contents wait. */
  readonly folder: string;
  /** Symbolic links wait there too. */
  readonly holdsLinks: boolean;
  open(): Promise<void>;
  /** A folder that leads to what is sent, and should be there already. */
  above(header: TarHeader): Promise<void>;
  /** An entry without content, with the path that it has in the end. */
  place(header: TarHeader): Promise<void>;
  close(placements: readonly Placement[]): Promise<void>;
}

/** The engine places contents by hard links. A file in the place of a folder makes it remove the whole folder: that wipes what a cut connection left. */
export class EngineStage implements CommitStage {
  readonly folder = STAGE;
  readonly holdsLinks = false;

  /** `token` is undefined where another archive carries the state. */
  constructor(
    private readonly tar: TarWriter,
    private readonly token: string | undefined,
  ) {}

  async open(): Promise<void> {
    if (this.token !== undefined)
      await this.tar.entry({ name: STATE_LINK, type: 'symlink', linkname: DIRTY });
    await this.tar.entry({ name: STAGE, type: 'file' });
    await this.tar.entry({ name: STAGE, type: 'directory', mode: 0o700 });
  }

  above(header: TarHeader): Promise<void> {
    return this.tar.entry(header);
  }

  place(header: TarHeader): Promise<void> {
    return this.tar.entry(header);
  }

  async close(placements: readonly Placement[]): Promise<void> {
    for (const link of placements.map(linkOf)) await this.tar.entry(link);
    await this.tar.entry({ name: STAGE, type: 'file' });
    if (this.token !== undefined)
      await this.tar.entry({ name: STATE_LINK, type: 'symlink', linkname: this.token });
  }
}

export interface ScriptStageOptions {
  /** Nobody else's: two scripts at work do not share a folder. */
  readonly id: string;
  /** False where another archive carries the state. */
  readonly marksState: boolean;
  readonly deletions: readonly Deletion[];
  /** Lines about what must not be in the way (making-way.ts). */
  readonly makingWay: readonly string[];
  readonly uploads: readonly string[];
  /** What is in the place of a folder makes way for it; else nothing is put in place. */
  readonly replaces: boolean;
  /** For an archive in the archive. */
  newTar(): TarWriter;
}

/** The stage script places contents, and deletes; see there for its lists. */
export class ScriptStage implements CommitStage {
  readonly folder: string;
  readonly holdsLinks: boolean;
  private readonly parents: string[] = [];
  private readonly placed: TarHeader[] = [];

  constructor(
    private readonly tar: TarWriter,
    private readonly options: ScriptStageOptions,
  ) {
    const { id, uploads } = options;
    this.folder = `${STAGE}/${id}`;
    // Its list of moves has a line for each path.
    this.holdsLinks = uploads.length <= MOST_MOVES && !uploads.some((path) => path.includes('\n'));
  }

  /** The list of what goes comes first: without it the archive is not whole, or somebody has taken it away while it came. */
  async open(): Promise<void> {
    const { marksState, deletions, makingWay } = this.options;
    if (marksState) await this.tar.entry({ name: STATE_LINK, type: 'symlink', linkname: DIRTY });
    await this.tar.entry({ name: STAGE, type: 'directory', mode: 0o700 });
    await this.tar.entry({ name: this.folder, type: 'directory', mode: 0o700 });
    const [folders, others] = partition(deletions, ({ kind }) => kind === 'directory');
    await this.list('remove', others.map(nulEnded), 'always');
    await this.list('rmdir', folders.map(nulEnded));
    await this.list('making-way', makingWay);
  }

  /** With the owner and mode that it has. */
  above({ name }: TarHeader): Promise<void> {
    this.parents.push(name);
    return Promise.resolve();
  }

  place(header: TarHeader): Promise<void> {
    this.placed.push(header);
    return Promise.resolve();
  }

  /** The list of moves comes last: without it the archive is not whole. */
  async close(placements: readonly Placement[]): Promise<void> {
    const isMoved = ({ patch }: Placement): boolean => this.holdsLinks || patch !== undefined;
    const [moved, linked] = partition(placements, isMoved);
    await this.list('parents', this.parents.map(pathLine));
    const folders = this.placed
      .flatMap(({ name, type }) => (type === 'directory' ? pathLine(name) : []))
      .sort();
    await this.list(this.options.replaces ? 'replacing' : 'folders', folders);
    await this.list('targets', [...this.placed, ...linked].flatMap(targetLine));
    await this.archive('places', [...this.placed, ...linked.map(linkOf)]);
    await this.list('patches', moved.flatMap(patchLines));
    await this.list('moves', moved.map(moveLine), 'always');
  }

  private async archive(name: string, headers: readonly TarHeader[]): Promise<void> {
    if (headers.length === 0) return;
    const tar = this.options.newTar();
    const bytes = await buffer(
      tar.stream(async () => {
        for (const header of headers) await tar.entry(header);
      }),
    );
    await this.tar.entry({ name: `${this.folder}/${name}`, type: 'file' }, bytes);
  }

  private async list(name: string, lines: readonly string[], when?: 'always'): Promise<void> {
    if (lines.length === 0 && when === undefined) return;
    await this.tar.entry({ name: `${this.folder}/${name}`, type: 'file' }, Buffer.from(lines.join('')));
  }
}

const linkOf = (placement: Placement): TarHeader => ({ ...placement, type: 'link' });

/** As `xargs -0` reads it; with `./` before it no path is taken for an option. */
const nulEnded = ({ path }: Deletion): string => `./${path}\0`;

const numberOf = ({ linkname }: Placement): string => posix.basename(linkname);

const moveLine = (placement: Placement): string => `${numberOf(placement)} ./${placement.name}\n`;

/** `<number> <mode> <size> <mtime> <its nanoseconds> <length then> <from>:<count> ...`, and the path on a line of its own. */
function patchLines(placement: Placement): string[] {
  const { name, mode = 0, patch } = placement;
  if (patch === undefined) return [];
  const { base, lengthBytes } = patch;
  const runs = patch.runs.map(({ from, count }) => `${from}:${count}`);
  const seconds = base.mtimeNs / NS_PER_SECOND;
  const nanoseconds = String(base.mtimeNs % NS_PER_SECOND).padStart(9, '0');
  const words = [numberOf(placement), mode.toString(8), base.sizeBytes, seconds, nanoseconds, lengthBytes];
  return [`${[...words, ...runs].join(' ')}\n`, `./${name}\n`];
}

/** Tar would take the old files away before it meets a folder in the place of one. */
const targetLine = ({ name, type }: TarHeader): string[] => (type === 'directory' ? [] : [pathLine(name)]);

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
