import { createHash, type Hash } from 'node:crypto';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { RdtError } from '../errors.js';
import type { Owner } from './deployment.js';
import { piecesOf, readWhole } from './file-content.js';
import { type Deletion } from './sync-plan.js';
import { type TarHeader, TarWriter } from './tar-writer.js';
import { type LocalEntry, type LocalTree, parentsOf } from './tree.js';

/** Symbolic link whose target is the id of the last whole sync, or `dirty` while one is under way. */
export const STATE_LINK = '.rdt-state';
/** New contents wait here until all of them have arrived. Its files carry no extension, so that no watcher in the container fires on them. */
export const STAGE = '.rdt-stage';
export const DIRTY = 'dirty';

/** Larger files are streamed into the archive. */
const IN_MEMORY_BYTES = 4 << 20;
/** A script renames so many entries into place, a program each; more are linked by tar itself, which takes the old file away a moment before. */
const MOST_MOVES = 16;

/**
 * One sync as one tar: contents into the stage, then hard links that put them in place, then the state. Whoever unpacks it
 * never writes into a file that is in use, and a connection that is cut while contents arrive has changed nothing but the
 * state, which says `dirty` (SYNC.md: the one-PUT commit).
 */
export interface CommitArchive {
  readonly source: string;
  /** Path below `source` that the archive is unpacked at; '' for the whole folder. All paths below are below it. */
  readonly below: string;
  /** Comes before every name: where the archive is unpacked somewhere above. '' or ends in `/`. */
  readonly prefix: string;
  readonly uploads: readonly string[];
  readonly local: LocalTree;
  readonly owner: Owner;
  /** Paths that nothing exists at yet: written in place instead of staged. Only right while no process can look. */
  readonly unstaged: ReadonlySet<string>;
  /** Told after each piece of content that went into the archive. */
  readonly onContent: (bytes: number) => void;
  readonly finish:
    | { readonly by: 'engine'; readonly token: string | undefined }
    | { readonly by: 'script'; readonly marksState: boolean; readonly deletions: readonly Deletion[] };
}

/** What went into the archive, as it was when it was read; `changing` files were different after they had been read, and were left out. */
export interface PackedFiles {
  readonly sent: Map<string, LocalEntry>;
  readonly changing: string[];
  contentBytes: number;
}

export const newPackedFiles = (): PackedFiles => ({ sent: new Map(), changing: [], contentBytes: 0 });

/** The archive as a stream. `packed` is complete when the stream has ended. */
export function packCommit(archive: CommitArchive, packed: PackedFiles): Readable {
  const tar = new TarWriter(archive.owner, archive.prefix);
  const commit = new CommitWriter(tar, archive, packed);
  return tar.stream(() => commit.write());
}

class CommitWriter {
  private readonly links: (TarHeader & { readonly linkname: string })[] = [];
  private readonly renames: boolean;
  private nextStaged = 0;

  constructor(
    private readonly tar: TarWriter,
    private readonly archive: CommitArchive,
    private readonly packed: PackedFiles,
  ) {
    const { finish, uploads } = archive;
    this.renames =
      finish.by === 'script' &&
      uploads.length <= MOST_MOVES &&
      // The list of moves has a line for each.
      !uploads.some((path) => path.includes('\n'));
  }

  async write(): Promise<void> {
    const { finish } = this.archive;
    if (finish.by === 'engine') await this.openEngineStage(finish.token !== undefined);
    else await this.openScriptStage(finish.marksState, finish.deletions);
    await this.writeParents();
    for (const path of this.archive.uploads) await this.writeUpload(path);
    if (!this.renames) for (const link of this.links) await this.tar.entry(link);
    if (finish.by === 'engine') await this.closeEngineStage(finish.token);
    else await this.writeMoves();
  }

  /** A file in the place of a folder makes the engine remove the whole folder: that wipes what a cut connection left. */
  private async openEngineStage(withState: boolean): Promise<void> {
    if (withState) await this.tar.entry({ name: STATE_LINK, type: 'symlink', linkname: DIRTY });
    await this.tar.entry({ name: STAGE, type: 'file' }, Buffer.alloc(0));
    await this.tar.entry({ name: STAGE, type: 'directory', mode: 0o700 });
  }

  private async closeEngineStage(token: string | undefined): Promise<void> {
    await this.tar.entry({ name: STAGE, type: 'file' }, Buffer.alloc(0));
    if (token !== undefined) await this.tar.entry({ name: STATE_LINK, type: 'symlink', linkname: token });
  }

  private async openScriptStage(marksState: boolean, deletions: readonly Deletion[]): Promise<void> {
    if (marksState) await this.tar.entry({ name: STATE_LINK, type: 'symlink', linkname: DIRTY });
    await this.tar.entry({ name: STAGE, type: 'directory', mode: 0o700 });
    await this.writeDeletions(
      'remove',
      deletions.filter(({ kind }) => kind !== 'directory'),
    );
    await this.writeDeletions(
      'rmdir',
      deletions.filter(({ kind }) => kind === 'directory'),
    );
  }

  /** NUL-separated, each path with `./` before it, as the stage script's `xargs -0` reads them. */
  private async writeDeletions(name: string, deletions: readonly Deletion[]): Promise<void> {
    if (deletions.length === 0) return;
    const paths = Buffer.from(deletions.map(({ path }) => `./${path}\0`).join(''));
    await this.tar.entry({ name: `${STAGE}/${name}`, type: 'file' }, paths);
  }

  /** Comes last: without it the archive is not whole. A line is the number of a staged entry and the path that it moves to. */
  private async writeMoves(): Promise<void> {
    const moves = this.renames ? this.links : [];
    const lines = moves.map(({ linkname, name }) => `${posix.basename(linkname)} ./${name}\n`);
    await this.tar.entry({ name: `${STAGE}/moves`, type: 'file' }, Buffer.from(lines.join('')));
  }

  /** Says again that each parent is a folder: a link that something put in its place is not followed. */
  private async writeParents(): Promise<void> {
    const uploads = new Set(this.archive.uploads);
    const parents = new Set<string>();
    for (const path of uploads)
      for (const parent of parentsOf(path)) if (!uploads.has(parent)) parents.add(parent);
    for (const path of [...parents].sort()) await this.writeUpload(path);
  }

  private async writeUpload(path: string): Promise<void> {
    const entry = this.archive.local.get(this.fullPath(path));
    switch (entry?.kind) {
      case 'directory':
        return this.inPlace(path, entry, { name: path, type: 'directory', mode: entry.mode });
      case 'symlink':
        return this.symlink(path, entry);
      case 'file':
        return entry.sizeBytes <= IN_MEMORY_BYTES ? this.smallFile(path, entry) : this.largeFile(path, entry);
      case undefined:
        throw new Error(`${path} is to be sent but not in the tree`);
    }
  }

  private async inPlace(path: string, entry: LocalEntry, header: TarHeader): Promise<void> {
    await this.tar.entry(header);
    this.packed.sent.set(this.fullPath(path), entry);
  }

  private async symlink(path: string, entry: LocalEntry & { kind: 'symlink' }): Promise<void> {
    const header: TarHeader = { name: path, type: 'symlink', linkname: entry.target };
    await this.inPlace(path, entry, this.renames ? { ...header, name: this.staged(header) } : header);
  }

  /** What is sent is what was read, whatever the scan saw: its size and hash are taken from the bytes. */
  private async smallFile(path: string, entry: LocalEntry & { kind: 'file' }): Promise<void> {
    const read = readWhole(join(this.archive.source, this.fullPath(path)));
    if (read === undefined) {
      this.packed.changing.push(this.fullPath(path));
      return;
    }
    const { stats, bytes } = read;
    await this.tar.entry(this.contentHeader(path, entry, stats.mtimeMs), bytes);
    this.archive.onContent(bytes.length);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const stamp = { mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs, inode: stats.ino };
    this.fileSent(path, { ...entry, sizeBytes: bytes.length, sha256, stamp });
  }

  /** The tar's header has promised a size before the first byte; a file that turns out different never gets its link. */
  private async largeFile(path: string, entry: LocalEntry & { kind: 'file' }): Promise<void> {
    const hash = createHash('sha256');
    const header = this.contentHeader(path, entry, entry.stamp.mtimeMs);
    const absolute = join(this.archive.source, this.fullPath(path));
    const pieces = this.watched(piecesOf(absolute, entry.sizeBytes), hash);
    await this.tar.streamedEntry(header, entry.sizeBytes, pieces);
    if (hash.digest('hex') === entry.sha256) this.fileSent(path, entry);
    else this.leaveOut(path);
  }

  private async *watched(pieces: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      hash.update(piece);
      yield piece;
      this.archive.onContent(piece.length);
    }
  }

  private fileSent(path: string, entry: LocalEntry & { kind: 'file' }): void {
    this.packed.sent.set(this.fullPath(path), entry);
    this.packed.contentBytes += entry.sizeBytes;
  }

  private leaveOut(path: string): void {
    if (this.archive.unstaged.has(path)) {
      throw new RdtError(`${this.fullPath(path)} changed while it was being sent`, {
        hint: 'Push again when it is at rest.',
      });
    }
    this.links.pop();
    this.packed.changing.push(this.fullPath(path));
  }

  private contentHeader(path: string, entry: LocalEntry & { kind: 'file' }, mtimeMs: number): TarHeader {
    const { mode } = entry;
    const name = this.archive.unstaged.has(path)
      ? path
      : this.staged({ name: path, type: 'file', mode, mtimeMs });
    return { name, type: 'file', mode, mtimeMs };
  }

  /** Where an entry waits that is to be at its own name in the end. */
  private staged(header: TarHeader): string {
    const linkname = `${STAGE}/${this.nextStaged++}`;
    this.links.push({ ...header, type: 'link', linkname });
    return linkname;
  }

  private fullPath(path: string): string {
    return this.archive.below === '' ? path : `${this.archive.below}/${path}`;
  }
}
