import { posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Patch } from './patch.js';
import { pathLine } from './path-line.js';
import type { Deletion } from './sync-plan.js';
import type { TarHeader, TarWriter } from './tar-writer.js';
import { parentOf } from './tree.js';

/** Symbolic link whose target is the id of the last whole sync, or `dirty` while one is under way. */
export const STATE_LINK = '.rdt-state';
/** New contents wait here until all of them have arrived. Its files carry no extension, so that no watcher in the container fires on them. */
const STAGE = '.rdt-stage';
export const DIRTY = 'dirty';

/** A script renames so many entries into place, a program each; more wait under their own names, a program for all that go into one folder. */
const MOST_MOVES = 16;
/** What one program is given at the most: less than 128 KiB, of names of 255 bytes. */
const MOST_NAMES = 200;
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
  /** Paths of folders that the container's own file system should hold; what leads through a folder comes after it. */
  readonly onRoot: readonly string[];
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
  private readonly folders: TarHeader[] = [];
  private readonly links: TarHeader[] = [];

  constructor(
    private readonly tar: TarWriter,
    private readonly options: ScriptStageOptions,
  ) {
    const { id, uploads } = options;
    this.folder = `${STAGE}/${id}`;
    // The list of moves has a line for each path.
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
    (header.type === 'directory' ? this.folders : this.links).push(header);
    return Promise.resolve();
  }

  /** The list of moves comes last: without it the archive is not whole. */
  async close(placements: readonly Placement[]): Promise<void> {
    const isMoved = ({ patch }: Placement): boolean => this.holdsLinks || patch !== undefined;
    const [moved, others] = partition(placements, isMoved);
    const grouped = [...this.links, ...others.map(linkOf)];
    const groups = groupsOf(grouped);
    await this.list('parents', this.parents.map(pathLine));
    await this.list('on-root', this.options.onRoot.map(pathLine));
    await this.list(this.options.replaces ? 'replacing' : 'folders', this.folders.map(lineOf).sort());
    await this.list('targets', grouped.map(lineOf));
    await this.archive('places', [...this.folders, ...groups.flatMap((group, n) => this.waiting(group, n))]);
    await this.list('groups', groups.map(groupLine));
    await this.list('patches', moved.flatMap(patchLines));
    await this.list('moves', moved.map(moveLine), 'always');
  }

  /** They get their names when all has arrived, just before they are moved: a watcher in the container may look here too. */
  private waiting({ headers }: MoveGroup, number: number): TarHeader[] {
    const folder = `${this.folder}/${nameOf(number)}`;
    const entries = headers.map((header) => ({
      ...header,
      name: `${folder}/${posix.basename(header.name)}`,
    }));
    return [{ name: folder, type: 'directory', mode: 0o700 }, ...entries];
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

const lineOf = ({ name }: TarHeader): string => pathLine(name);

/** Entries that one program moves into their folder, all at once. */
interface MoveGroup {
  /** '' for the folder of the stage itself. */
  readonly into: string;
  readonly headers: TarHeader[];
}

function groupsOf(headers: readonly TarHeader[]): MoveGroup[] {
  const groups: MoveGroup[] = [];
  const open = new Map<string, MoveGroup>();
  for (const header of headers) {
    const into = parentOf(header.name);
    let group = open.get(into);
    if (group === undefined || group.headers.length === MOST_NAMES) {
      group = { into, headers: [] };
      open.set(into, group);
      groups.push(group);
    }
    group.headers.push(header);
  }
  return groups;
}

/** No number: those are what else waits. */
const nameOf = (number: number): string => `to${number}`;

const groupLine = ({ into }: MoveGroup, number: number): string =>
  `${nameOf(number)} ${into === '' ? '.\n' : pathLine(into)}`;

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
