import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RdtError } from '../errors.js';
import { isGone } from './file-content.js';
import type { IgnoreRules } from './ignore-rules.js';
import type { LocalEntry, LocalTree, Stamp } from './tree.js';

/** Above this size a file is hashed as a stream, so that memory stays flat and Ctrl-C is heard. */
const HASH_IN_MEMORY_BYTES = 8 << 20;
/** The synchronous walk is the fastest one (SYNC.md, section 2); it gives way to sockets this often. */
const TURN_MS = 8;

export interface ScanOptions {
  readonly source: string;
  readonly rules: IgnoreRules;
  readonly platform: NodeJS.Platform;
  readonly signal: AbortSignal;
  warn(message: string): void;
}

/** A folder as it was listed, before any file was read. Has no hashes yet. */
export interface Listing {
  readonly entries: ReadonlyMap<string, ListedEntry>;
  /** Wall clock when the walk began, ms since 1970. */
  readonly listedAtMs: number;
}

export type ListedEntry = Exclude<LocalEntry, { kind: 'file' }> | UnreadFile;

interface UnreadFile {
  readonly kind: 'file';
  readonly mode: number;
  readonly sizeBytes: number;
  readonly stamp: Stamp;
}

/**
 * Lists the folder that is to be synced. Ignored folders are not entered; symbolic links are kept as links.
 * @throws RdtError when the source or a folder in it that is not ignored cannot be read.
 */
export async function listTree(options: ScanOptions): Promise<Listing> {
  const entries = new Map<string, ListedEntry>();
  const listedAtMs = Date.now();
  const turns = new Turns(options.signal);
  const steps = walk(options, '', options.rules, entries);
  while (steps.next().done !== true) if (turns.isOver()) await turns.next();
  return { entries, listedAtMs };
}

/**
 * Reads the files of a listing and gives each its hash; a file with the size and stamp that `known` holds is not read.
 * @throws RdtError when a file cannot be read. One that has vanished meanwhile is left out.
 */
export async function hashTree(listing: Listing, known: LocalTree, options: ScanOptions): Promise<LocalTree> {
  const tree = new Map<string, LocalEntry>();
  const turns = new Turns(options.signal);
  for (const [path, entry] of listing.entries) {
    if (entry.kind !== 'file') {
      tree.set(path, entry);
      continue;
    }
    const before = known.get(path);
    if (isUnchanged(entry, before)) {
      tree.set(path, before);
      continue;
    }
    const sha256 = await hashFile(options, path, entry.sizeBytes);
    if (sha256 !== undefined) tree.set(path, { ...entry, sha256 });
    if (turns.isOver()) await turns.next();
  }
  return tree;
}

function isUnchanged(entry: UnreadFile, before: LocalEntry | undefined): before is LocalEntry {
  return (
    before?.kind === 'file' &&
    before.sizeBytes === entry.sizeBytes &&
    before.mode === entry.mode &&
    sameStamp(before.stamp, entry.stamp)
  );
}

/** Synchronous work in slices, so that sockets and Ctrl-C are heard in between. */
class Turns {
  private endsAt = performance.now() + TURN_MS;

  constructor(private readonly signal: AbortSignal) {}

  isOver(): boolean {
    return performance.now() >= this.endsAt;
  }

  async next(): Promise<void> {
    await nextTurn();
    this.signal.throwIfAborted();
    this.endsAt = performance.now() + TURN_MS;
  }
}

/** Lists folder after folder, each in one go; yields after each of them. */
function* walk(
  options: ScanOptions,
  directory: string,
  outer: IgnoreRules,
  entries: Map<string, ListedEntry>,
): Generator<void> {
  const names = namesIn(options, directory);
  const rules = outer.enter(directory, hasGitignore(options, directory, names));
  const folders: string[] = [];
  for (const name of names) {
    const path = below(directory, name);
    const stats = statOf(options, path);
    if (stats === undefined || rules.isIgnored(path, stats.isDirectory())) continue;
    const entry = entryOf(options, path, stats);
    if (entry !== undefined) entries.set(path, entry);
    if (entry?.kind === 'directory') folders.push(path);
  }
  yield;
  for (const folder of folders) yield* walk(options, folder, rules, entries);
}

function entryOf(options: ScanOptions, path: string, stats: Stats): ListedEntry | undefined {
  const stamp = { mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs, inode: stats.ino };
  const mode = modeOf(stats, options);
  if (stats.isFile()) return { kind: 'file', mode, sizeBytes: stats.size, stamp };
  if (stats.isDirectory()) return { kind: 'directory', mode, stamp };
  if (stats.isSymbolicLink()) {
    const target = reading(options.source, path, (absolute) => readlinkSync(absolute));
    return target === undefined ? undefined : { kind: 'symlink', target, stamp };
  }
  options.warn(`${path} is neither file, folder nor link; it is not synced`);
  return undefined;
}

const below = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`);

function hasGitignore(options: ScanOptions, directory: string, names: readonly string[]): boolean {
  return names.includes('.gitignore') && statOf(options, below(directory, '.gitignore'))?.isFile() === true;
}

function namesIn(options: ScanOptions, directory: string): string[] {
  const names = reading(options.source, directory, (absolute) => readdirSync(absolute)) ?? [];
  // Invalid UTF-8 is decoded with replacement characters, which then name no file.
  const [odd, good] = partition(names.sort(), (name) => name.includes('\uFFFD'));
  for (const name of odd)
    options.warn(`${join(directory, name)} has a name that is not valid UTF-8; it is not synced`);
  return good;
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function statOf(options: ScanOptions, path: string): Stats | undefined {
  return reading(options.source, path, (absolute) => lstatSync(absolute));
}

async function hashFile(options: ScanOptions, path: string, sizeBytes: number): Promise<string | undefined> {
  const absolute = join(options.source, path);
  try {
    if (sizeBytes <= HASH_IN_MEMORY_BYTES)
      return createHash('sha256').update(readFileSync(absolute)).digest('hex');
    const hash = createHash('sha256');
    const stream = createReadStream(absolute, { highWaterMark: 1 << 20, signal: options.signal });
    for await (const chunk of stream) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw options.signal.aborted ? options.signal.reason : unreadable(options.source, path, error);
  }
}

/** Undefined when the path vanished between listing and looking: the next scan will not list it. The source itself has to be there. */
function reading<T>(source: string, path: string, read: (absolute: string) => T): T | undefined {
  try {
    return read(join(source, path));
  } catch (error) {
    if (path !== '' && isGone(error)) return undefined;
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

const sameStamp = (a: Stamp, b: Stamp): boolean =>
  a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.inode === b.inode;

/** Windows knows no permission bits: folders are 0755 and files 0644 there. */
function modeOf(stats: Stats, { platform }: ScanOptions): number {
  if (platform !== 'win32') return stats.mode & 0o7777;
  return stats.isDirectory() ? 0o755 : 0o644;
}
