import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { named } from '../../named.js';
import { linkTarget } from '../../link-target.js';
import type { DockerIgnore } from '../docker-ignore.js';
import type { EmitBuildEvent } from '../build-event.js';
import type { ContextFile, ListedEntry } from './context-entry.js';
import { isGone } from '../../system-error.js';
import { unreadable } from './context-error.js';

export interface ContextListing {
  readonly source: string;
  readonly ignore: DockerIgnore;
  /** Windows keeps no permission bits. */
  readonly platform: NodeJS.Platform;
}

/** So that a large tree does not hold up the interrupt key or the progress line. */
const FOLDERS_BETWEEN_BREATHS = 100;

/**
 * Everything that the build context is made of: parents before their content, names in byte order. Links are not
 * followed; sockets, pipes and devices are left out with one warning for all.
 * @throws RdtError for a file or folder that may not be read, before anything is sent.
 */
export async function listContextFiles(
  listing: ContextListing,
  emit: EmitBuildEvent,
  signal?: AbortSignal,
): Promise<ListedEntry[]> {
  const walk = new ContextWalk(listing, emit, signal);
  await walk.folder(TOP);
  walk.tellSpecial();
  return walk.entries;
}

/** A path below the source: for the rules and for people, for the tar, and for the file system. */
interface Place {
  readonly path: string;
  readonly rawPath: Buffer | undefined;
}

const TOP: Place = { path: '', rawPath: undefined };

class ContextWalk {
  readonly entries: ListedEntry[] = [];
  private readonly special: { readonly path: string; readonly kind: string }[] = [];
  private foldersRead = 0;

  constructor(
    private readonly listing: ContextListing,
    private readonly emit: EmitBuildEvent,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async folder(folder: Place): Promise<void> {
    this.signal?.throwIfAborted();
    if (++this.foldersRead % FOLDERS_BETWEEN_BREATHS === 0) await setImmediate();
    for (const place of this.placesIn(folder)) await this.visit(place);
  }

  /** To be called when all was visited. */
  tellSpecial(): void {
    const [first, ...more] = this.special;
    if (first === undefined) return;
    const kinds = more.length === 0 ? `is ${first.kind}` : 'are sockets, pipes or devices';
    const message = `left out of the build: ${named(this.special.map(({ path }) => path))} ${kinds}`;
    this.emit({ type: 'warning', message });
  }

  private async visit(place: Place): Promise<void> {
    const { ignore } = this.listing;
    const excluded = ignore.excludes(place.path);
    if (excluded && !ignore.mayReincludeBelow(place.path)) return;
    const stats = this.stat(place);
    if (stats?.isDirectory() === true) await this.visitFolder(place, stats, excluded);
    else if (stats !== undefined && !excluded) this.addLeaf(place, stats);
  }

  /** An excluded folder is sent only as the parent of something that is re-included. */
  private async visitFolder(place: Place, stats: Stats, excluded: boolean): Promise<void> {
    const before = this.entries.push({ ...this.common(place, stats), type: 'folder' });
    await this.folder(place);
    if (excluded && this.entries.length === before) this.entries.pop();
  }

  private addLeaf(place: Place, stats: Stats): void {
    const common = this.common(place, stats);
    if (stats.isFile()) {
      this.assertReadable(place, stats);
      this.entries.push({ ...common, type: 'file', sizeBytes: stats.size });
    } else if (stats.isSymbolicLink()) {
      this.entries.push({ ...common, type: 'symlink', target: this.targetOf(place) });
    } else {
      this.special.push({ path: place.path, kind: specialKind(stats) });
    }
  }

  private targetOf(place: Place): Buffer {
    const at = fsPath(this.listing.source, place);
    const { platform } = this.listing;
    // Windows has names in UTF-16; elsewhere a name is bytes.
    if (platform === 'win32') return Buffer.from(linkTarget(readlinkSync(at, 'utf8'), platform));
    return readlinkSync(at, 'buffer');
  }

  private common(place: Place, stats: Stats) {
    // Docker's own client marks everything from Windows as executable: a script without its bit would not start.
    const mode = this.listing.platform === 'win32' ? 0o755 : stats.mode & 0o7777;
    const { path, rawPath } = place;
    return { path, rawPath, mode, mtimeSeconds: Math.floor(stats.mtimeMs / 1000), ctimeMs: stats.ctimeMs };
  }

  /** Undefined when the path has gone since its folder was read. */
  private stat(place: Place): Stats | undefined {
    try {
      return lstatSync(fsPath(this.listing.source, place));
    } catch (error) {
      if (isGone(error)) return undefined;
      throw unreadable(place.path, error);
    }
  }

  /** Asks the system only where the bits leave a doubt, which spares a call for nearly every file. */
  private assertReadable(place: Place, stats: Stats): void {
    if ((stats.mode & 0o444) === 0o444) return;
    try {
      // Opened rather than asked for with access(2), which tells what the real user may, not the effective one.
      closeSync(openSync(fsPath(this.listing.source, place), constants.O_RDONLY));
    } catch (error) {
      throw unreadable(place.path, error);
    }
  }

  private placesIn(folder: Place): Place[] {
    const at = fsPath(this.listing.source, folder);
    try {
      const names = readdirSync(at);
      if (typeof at === 'string' && !names.some((name) => name.includes('\uFFFD'))) {
        return inByteOrder(names).map((name) => ({ path: joined(folder.path, name), rawPath: undefined }));
      }
      return readdirSync(at, { encoding: 'buffer' })
        .sort((a, b) => a.compare(b))
        .map((name) => rawPlace(folder, name));
    } catch (error) {
      if (isGone(error) && folder !== TOP) return [];
      throw unreadable(folder.path === '' ? this.listing.source : folder.path, error);
    }
  }
}

const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

/** A name that does not survive the way through a string makes the whole path raw. */
function rawPlace(folder: Place, name: Buffer): Place {
  const path = joined(folder.path, name.toString());
  const parent = folder.rawPath ?? Buffer.from(folder.path);
  const rawPath = parent.length === 0 ? name : Buffer.concat([parent, Buffer.from('/'), name]);
  return { path, rawPath: rawPath.equals(Buffer.from(path)) ? undefined : rawPath };
}

/** Where an entry is on this machine. */
function fsPath(source: string, { path, rawPath }: Place): string | Buffer {
  if (rawPath !== undefined) return Buffer.concat([Buffer.from(`${source}/`), rawPath]);
  return path === '' ? source : `${source}/${path}`;
}

/** Where the content of a file is on this machine. */
export const contentPath = (source: string, file: ContextFile): string | Buffer =>
  file.realPath ?? fsPath(source, file);

/** Beyond the basic plane UTF-16 order is another one; BuildKit insists on that of the bytes. */
const inByteOrder = (names: string[]): string[] =>
  names.some((name) => /[\ud800-\udfff]/.test(name))
    ? names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    : names.sort();

function specialKind(stats: Stats): string {
  if (stats.isSocket()) return 'a socket';
  if (stats.isFIFO()) return 'a pipe';
  return 'a device';
}
