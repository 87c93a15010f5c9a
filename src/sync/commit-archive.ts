import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { RdtError } from '../errors.js';
import { BlockHasher, identityOf, LARGE_BYTES } from './blocks.js';
import { type CommitStage, EngineStage, type Placement, ScriptStage } from './commit-stage.js';
import type { Owner } from './deployment.js';
import { pathIn } from './mounts.js';
import { piecesOf, readWhole } from './file-content.js';
import { type Patch, PatchReader } from './patch.js';
import { type Deletion } from './sync-plan.js';
import { type TarHeader, tarTimeNs, TarWriter } from './tar-writer.js';
import { type FileEntry, type LocalEntry, type LocalTree, parentsOf } from './tree.js';

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
  /** Told of a file that goes with another content than `local` says, before all of it has gone. */
  readonly onOtherContent?: ((path: string, sent: FileEntry) => void) | undefined;
  readonly finish:
    | {
        readonly by: 'engine';
        readonly token: string | undefined;
        /** Paths below `source` of folders that are there. */
        readonly seen: ReadonlySet<string>;
      }
    | {
        readonly by: 'script';
        readonly id: string;
        readonly marksState: boolean;
        readonly deletions: readonly Deletion[];
        readonly makingWay: readonly string[];
        readonly onRoot: readonly string[];
        readonly replaces: boolean;
        /** Large files of which only what is new has to go, by their path below `source`. */
        readonly patches: ReadonlyMap<string, Patch>;
      };
}

/** What went into the archive, as it was when it was read; `changing` files were different after they had been read, and were left out. */
export interface PackedFiles {
  readonly sent: Map<string, LocalEntry>;
  readonly changing: string[];
  contentBytes: number;
}

export const newPackedFiles = (): PackedFiles => ({ sent: new Map(), changing: [], contentBytes: 0 });

export function addPacked(total: PackedFiles, part: PackedFiles): void {
  for (const [path, entry] of part.sent) total.sent.set(path, entry);
  total.changing.push(...part.changing);
  total.contentBytes += part.contentBytes;
}

/** The archive as a stream. `packed` is complete when the stream has ended. */
export function packCommit(archive: CommitArchive, packed: PackedFiles): Readable {
  const tar = new TarWriter(archive.owner, archive.prefix);
  const commit = new CommitWriter(tar, archive, packed);
  return tar.stream(() => commit.write());
}

const NO_PATCHES: ReadonlyMap<string, Patch> = new Map();

class CommitWriter {
  private readonly stage: CommitStage;
  private readonly patches: ReadonlyMap<string, Patch>;
  private readonly placements: Placement[] = [];
  private nextStaged = 0;

  constructor(
    private readonly tar: TarWriter,
    private readonly archive: CommitArchive,
    private readonly packed: PackedFiles,
  ) {
    const { finish, uploads } = archive;
    this.stage =
      finish.by === 'engine'
        ? new EngineStage(tar, finish.token)
        : new ScriptStage(tar, {
            ...finish,
            uploads,
            newTar: () => new TarWriter(archive.owner, archive.prefix),
          });
    this.patches = finish.by === 'engine' ? NO_PATCHES : finish.patches;
  }

  async write(): Promise<void> {
    await this.stage.open();
    for (const path of this.foldersAbove()) await this.above(path);
    for (const path of this.archive.uploads) await this.writeUpload(path);
    await this.stage.close(this.placements);
  }

  /** What the engine did not see may be a link by now, which it would follow. */
  private async above(path: string): Promise<void> {
    const { finish, local } = this.archive;
    const fullPath = this.fullPath(path);
    const entry = local.get(fullPath);
    if (entry?.kind !== 'directory') throw new Error(`${path} is no folder in the tree`);
    if (finish.by === 'engine' && finish.seen.has(fullPath)) return;
    await this.stage.above({ name: path, type: 'directory', mode: entry.mode });
  }

  /** Those of what is sent that are not sent themselves. */
  private foldersAbove(): string[] {
    const uploads = new Set(this.archive.uploads);
    const folders = new Set([...uploads].flatMap((path) => [...parentsOf(path)]));
    return [...folders].filter((path) => !uploads.has(path)).sort();
  }

  private async writeUpload(path: string): Promise<void> {
    const entry = this.archive.local.get(this.fullPath(path));
    switch (entry?.kind) {
      case 'directory':
        return this.inPlace(path, entry, { name: path, type: 'directory', mode: entry.mode });
      case 'symlink':
        return this.symlink(path, entry);
      case 'file':
        return this.file(path, entry);
      case undefined:
        throw new Error(`${path} is to be sent but not in the tree`);
    }
  }

  private file(path: string, entry: FileEntry): Promise<void> {
    if (entry.sizeBytes <= LARGE_BYTES) return this.smallFile(path, entry);
    const patch = this.patches.get(this.fullPath(path));
    return patch === undefined ? this.largeFile(path, entry) : this.patchedFile(path, entry, patch);
  }

  private async inPlace(path: string, entry: LocalEntry, header: TarHeader): Promise<void> {
    await this.stage.place(header);
    this.packed.sent.set(this.fullPath(path), entry);
  }

  private async symlink(path: string, entry: LocalEntry & { kind: 'symlink' }): Promise<void> {
    const header: TarHeader = { name: path, type: 'symlink', linkname: entry.target };
    if (!this.stage.holdsLinks) return this.inPlace(path, entry, header);
    await this.tar.entry({ ...header, name: this.staged(header) });
    this.packed.sent.set(this.fullPath(path), entry);
  }

  /** What is sent is what was read, whatever the scan saw: its size and hash are taken from the bytes. But one that was emptied since is about to be written. */
  private async smallFile(path: string, entry: FileEntry): Promise<void> {
    const read = readWhole(this.absolute(path));
    if (read === undefined || (read.bytes.length === 0 && entry.sizeBytes > 0)) {
      this.packed.changing.push(this.fullPath(path));
      return;
    }
    const { stats, bytes } = read;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const stamp = { mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs, inode: stats.ino };
    const sent = { ...entry, sizeBytes: bytes.length, sha256, stamp };
    if (sha256 !== entry.sha256) this.archive.onOtherContent?.(this.fullPath(path), sent);
    await this.tar.entry(this.contentHeader(path, entry, stats.mtimeMs), bytes);
    this.archive.onContent(bytes.length);
    this.packed.sent.set(this.fullPath(path), sent);
    this.packed.contentBytes += bytes.length;
  }

  /** The tar's header has promised a size before the first byte; a file that turns out different never gets its link. */
  private async largeFile(path: string, entry: FileEntry): Promise<void> {
    const hasher = new BlockHasher(entry.blocks);
    const header = this.contentHeader(path, entry, entry.stamp.mtimeMs);
    const pieces = piecesOf(this.absolute(path), 0, entry.sizeBytes);
    await this.tar.streamedEntry(header, entry.sizeBytes, this.watched(pieces, hasher));
    this.largeSent(path, entry, entry.sizeBytes, identityOf(hasher.digest()) === entry.sha256);
  }

  /** An empty file with owner and mode, for the script to fill, and all that is new in another. */
  private async patchedFile(path: string, entry: FileEntry, patch: Patch): Promise<void> {
    const { mode } = entry;
    const { mtimeMs } = entry.stamp;
    const name = this.staged({ name: path, type: 'file', mode, mtimeMs }, patch);
    await this.tar.entry({ name, type: 'file', mode, mtimeMs });
    const reader = new PatchReader(this.absolute(path), entry, patch);
    const header: TarHeader = { name: `${name}n`, type: 'file', mtimeMs };
    await this.tar.streamedEntry(header, patch.contentBytes, this.watched(reader.pieces()));
    this.largeSent(path, entry, patch.contentBytes, reader.isSame);
  }

  private async *watched(pieces: AsyncIterable<Buffer>, hasher?: BlockHasher): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      hasher?.update(piece);
      yield piece;
      this.archive.onContent(piece.length);
    }
  }

  private largeSent(path: string, entry: FileEntry, contentBytes: number, isSame: boolean): void {
    if (!isSame) return this.leaveOut(path);
    this.packed.sent.set(this.fullPath(path), { ...entry, leftMtimeNs: tarTimeNs(entry.stamp.mtimeMs) });
    this.packed.contentBytes += contentBytes;
  }

  private leaveOut(path: string): void {
    if (this.archive.unstaged.has(path)) {
      throw new RdtError(`${this.fullPath(path)} changed while it was being sent`, {
        hint: 'Push again when it is at rest.',
      });
    }
    this.placements.pop();
    this.packed.changing.push(this.fullPath(path));
  }

  private contentHeader(path: string, entry: FileEntry, mtimeMs: number): TarHeader {
    const { mode } = entry;
    const name = this.archive.unstaged.has(path)
      ? path
      : this.staged({ name: path, type: 'file', mode, mtimeMs });
    return { name, type: 'file', mode, mtimeMs };
  }

  /** Where an entry waits that is to be at its own name in the end. */
  private staged(header: TarHeader, patch?: Patch): string {
    const linkname = `${this.stage.folder}/${this.nextStaged++}`;
    this.placements.push({ ...header, linkname, ...(patch === undefined ? {} : { patch }) });
    return linkname;
  }

  private absolute(path: string): string {
    return join(this.archive.source, this.fullPath(path));
  }

  private fullPath(path: string): string {
    return pathIn(this.archive.below, path);
  }
}
