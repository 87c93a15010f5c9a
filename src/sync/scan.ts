import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RdtError } from '../errors.js';
import type { IgnoreRules } from './ignore-rules.js';
import type { LocalEntry, LocalTree, Stamp } from './tree.js';

/** Above this size a file is hashed as a stream, so that memory stays flat and Ctrl-C is heard. */
const HASH_IN_MEMORY_BYTES = 8 << 20;
/** The synchronous walk is the fastest one (SYNC.md, section 2); it gives way to sockets this often. */
const TURN_MS = 8;

export interface ScanOptions {
  readonly source: string;
  readonly rules: IgnoreRules;
  /** Entries of the last push: a file with an equal stamp keeps its hash and is not read. */
  readonly known: LocalTree;
  readonly platform: NodeJS.Platform;
  readonly signal: AbortSignal;
  warn(message: string): void;
}

/**
 * Reads the folder that is to be synced. Ignored folders are not entered; symbolic links are kept as links.
 * @throws RdtError when the source or anything in it that is not ignored cannot be read.
 */
export async function scanTree(options: ScanOptions): Promise<LocalTree> {
  const tree = new Map<string, LocalEntry>();
  const unread: UnreadFile[] = [];
  let turnEndsAt = performance.now() + TURN_MS;
  for (const found of walk(options, '', options.rules)) {
    if ('unread' in found) {
      unread.push(found.unread);
      tree.set(found.unread.path, placeholder(found.unread));
    } else tree.set(found.path, found.entry);
    if (performance.now() < turnEndsAt) continue;
    await nextTurn();
    options.signal.throwIfAborted();
    turnEndsAt = performance.now() + TURN_MS;
  }
  await hashAll(options, unread, tree);
  return tree;
}

interface UnreadFile {
  readonly path: string;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly stamp: Stamp;
}

type Found = { path: string; entry: LocalEntry } | { unread: UnreadFile };

const placeholder = ({ mode, sizeBytes, stamp }: UnreadFile): LocalEntry => ({
  kind: 'file',
  mode,
  sizeBytes,
  sha256: '',
  stamp,
});

function* walk(options: ScanOptions, directory: string, rules: IgnoreRules): Generator<Found> {
  for (const name of namesIn(options, directory)) {
    const path = directory === '' ? name : `${directory}/${name}`;
    const stats = statOf(options, path);
    if (stats === undefined || rules.isIgnored(path, stats.isDirectory())) continue;
    if (stats.isDirectory()) {
      yield { path, entry: { kind: 'directory', mode: modeOf(stats, options), stamp: stampOf(stats) } };
      yield* walk(options, path, rules.enter(path));
    } else if (stats.isFile()) yield fileFound(options, path, stats);
    else if (stats.isSymbolicLink()) yield linkFound(options, path, stats);
    else options.warn(`${path} is neither file, folder nor link; it is not synced`);
  }
}

function namesIn(options: ScanOptions, directory: string): string[] {
  const names = reading(options.source, directory, (absolute) => readdirSync(absolute));
  // Invalid UTF-8 is decoded with replacement characters, which then name no file.
  const [odd, good] = partition(names.sort(), (name) => name.includes('\uFFFD'));
  for (const name of odd)
    options.warn(`${join(directory, name)} has a name that is not valid UTF-8; it is not synced`);
  return good;
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** Undefined when the path vanished between listing and looking: the next scan will not list it. */
function statOf(options: ScanOptions, path: string): Stats | undefined {
  return reading(options.source, path, (absolute) => lstatSync(absolute, { throwIfNoEntry: false }));
}

function fileFound(options: ScanOptions, path: string, stats: Stats): Found {
  const known = options.known.get(path);
  const stamp = stampOf(stats);
  const mode = modeOf(stats, options);
  const isKnown = known?.kind === 'file' && known.sizeBytes === stats.size && sameStamp(known.stamp, stamp);
  if (!isKnown) return { unread: { path, mode, sizeBytes: stats.size, stamp } };
  return { path, entry: { ...known, mode } };
}

function linkFound(options: ScanOptions, path: string, stats: Stats): Found {
  const target = reading(options.source, path, (absolute) => readlinkSync(absolute));
  return { path, entry: { kind: 'symlink', target, stamp: stampOf(stats) } };
}

async function hashAll(
  options: ScanOptions,
  files: readonly UnreadFile[],
  tree: Map<string, LocalEntry>,
): Promise<void> {
  let turnEndsAt = performance.now() + TURN_MS;
  for (const file of files) {
    const sha256 = await hashFile(options, file);
    if (sha256 === undefined) tree.delete(file.path);
    else
      tree.set(file.path, {
        kind: 'file',
        mode: file.mode,
        sizeBytes: file.sizeBytes,
        sha256,
        stamp: file.stamp,
      });
    if (performance.now() < turnEndsAt) continue;
    await nextTurn();
    options.signal.throwIfAborted();
    turnEndsAt = performance.now() + TURN_MS;
  }
}

async function hashFile(options: ScanOptions, { path, sizeBytes }: UnreadFile): Promise<string | undefined> {
  const absolute = join(options.source, path);
  try {
    if (sizeBytes <= HASH_IN_MEMORY_BYTES)
      return createHash('sha256').update(readFileSync(absolute)).digest('hex');
    const hash = createHash('sha256');
    const stream = createReadStream(absolute, { highWaterMark: 1 << 20, signal: options.signal });
    for await (const chunk of stream) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw options.signal.aborted ? options.signal.reason : unreadable(options.source, path, error);
  }
}

function reading<T>(source: string, path: string, read: (absolute: string) => T): T {
  try {
    return read(join(source, path));
  } catch (error) {
    throw unreadable(source, path, error);
  }
}

function unreadable(source: string, path: string, cause: unknown): RdtError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
  return new RdtError(`cannot read ${join(source, path)} (${code})`, {
    hint: 'Make it readable, or add it to `ignore` in .resin-sync.yml or to .gitignore.',
    cause,
  });
}

const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const stampOf = (stats: Stats): Stamp => ({
  mtimeMs: stats.mtimeMs,
  ctimeMs: stats.ctimeMs,
  inode: stats.ino,
});

const sameStamp = (a: Stamp, b: Stamp): boolean =>
  a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.inode === b.inode;

/** Windows knows no permission bits: folders are 0755 and files 0644 there. */
function modeOf(stats: Stats, { platform }: ScanOptions): number {
  if (platform !== 'win32') return stats.mode & 0o7777;
  return stats.isDirectory() ? 0o755 : 0o644;
}
