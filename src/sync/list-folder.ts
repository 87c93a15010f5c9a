import { isUtf8 } from 'node:buffer';
import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { RdtError } from '../errors.js';
import { linkTarget } from '../link-target.js';
import type { IgnoreRules } from './ignore-rules.js';
import { readLink } from './read-link.js';
import type { LocalEntry, Stamp, TreeEntry } from './tree.js';
import { errorCode, IN_USE_HINT, isGone, isInUse } from '../system-error.js';

export interface ListOptions {
  readonly source: string;
  readonly platform: NodeJS.Platform;
  warn(message: string): void;
  /** Given each path that is neither file, folder nor link. */
  leaveOut(path: string): void;
}

/** An entry as it was listed: a file was not read yet and has no hash. */
export type ListedEntry = Exclude<LocalEntry, { kind: 'file' }> | UnreadFile;

export interface UnreadFile {
  readonly kind: 'file';
  readonly mode: number;
  readonly sizeBytes: number;
  readonly stamp: Stamp;
}

/** One folder, looked at in one go. */
export interface VisitedFolder {
  /** The rules inside of it. */
  readonly rules: IgnoreRules;
  /** Of its `.gitignore`; undefined when it has none. */
  readonly ignoreFile: Stamp | undefined;
}

export interface ListedFile {
  readonly mode: number;
  readonly stats: Stats;
}

/** Gets an entry that is not ignored; `target` is that of a link. */
type Visit = (
  path: string,
  kind: TreeEntry['kind'],
  mode: number,
  stats: Stats,
  target: string | undefined,
) => void;

/**
 * Looks at all that is in one folder; one that has gone is empty. `rulesInside` gets the stamp of its `.gitignore`.
 * @throws RdtError when the folder cannot be read, or is the source and has gone.
 */
export function visitFolder(
  options: ListOptions,
  directory: string,
  rulesInside: (ignoreFile: Stamp | undefined) => IgnoreRules,
  visit: Visit,
): VisitedFolder {
  const names = namesIn(options, directory);
  const ignoreFile = ignoreFileIn(options, directory, names);
  const rules = rulesInside(ignoreFile);
  for (const name of names) {
    const path = pathOf(directory, name);
    const stats = statOf(options, path);
    if (stats === undefined || rules.isIgnored(path, stats.isDirectory())) continue;
    visitEntry(options, path, stats, visit);
  }
  return { rules, ignoreFile };
}

/** What one path is, when that is a file. @throws RdtError when nobody may look at it. */
export function fileIn(options: ListOptions, path: string): ListedFile | undefined {
  const stats = statOf(options, path);
  return stats?.isFile() === true ? { mode: modeOf(stats, options), stats } : undefined;
}

/** The folders in a folder by their paths, by their names alone; empty when it cannot be read, which the walk will say. */
export function foldersIn({ source }: Pick<ListOptions, 'source'>, directory: string): string[] {
  try {
    const entries = readdirSync(join(source, directory), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => pathOf(directory, name));
  } catch {
    return [];
  }
}

const pathOf = (directory: string, name: string): string =>
  directory === '' ? name : `${directory}/${name}`;

function visitEntry(options: ListOptions, path: string, stats: Stats, visit: Visit): void {
  const mode = modeOf(stats, options);
  if (stats.isFile()) visit(path, 'file', mode, stats, undefined);
  else if (stats.isDirectory()) visit(path, 'directory', mode, stats, undefined);
  else if (stats.isSymbolicLink()) {
    const link = reading(options.source, path, (absolute) => ({ target: readLink(absolute) }));
    if (link === undefined) return;
    if (link.target === undefined)
      options.warn(`${path} is a link to a name that is not valid UTF-8; it is not synced`);
    else visit(path, 'symlink', mode, stats, linkTarget(link.target, options.platform));
  } else options.leaveOut(path);
}

export const stampOf = ({ mtimeMs, ctimeMs, ino }: Stats): Stamp => ({ mtimeMs, ctimeMs, inode: ino });

/** Like git, a folder or link of that name does not count. */
function ignoreFileIn(options: ListOptions, directory: string, names: readonly string[]): Stamp | undefined {
  if (!names.includes('.gitignore')) return undefined;
  const stats = statOf(options, pathOf(directory, '.gitignore'));
  return stats?.isFile() === true ? stampOf(stats) : undefined;
}

function namesIn(options: ListOptions, directory: string): string[] {
  const names = reading(options.source, directory, (absolute) => readdirSync(absolute)) ?? [];
  return (names.some(mayBeInvalid) ? validNamesIn(options, directory) : names).sort();
}

/** Invalid UTF-8 is decoded with replacement characters; the name then is none that the file system knows. */
const mayBeInvalid = (name: string): boolean => name.includes('\uFFFD');

/** The replacement character may as well be in the name itself: the bytes tell. */
function validNamesIn(options: ListOptions, directory: string): string[] {
  const read = (absolute: string): Buffer[] => readdirSync(absolute, { encoding: 'buffer' });
  const names = reading(options.source, directory, read) ?? [];
  for (const name of names.filter((bytes) => !isUtf8(bytes)))
    options.warn(`${join(directory, name.toString())} has a name that is not valid UTF-8; it is not synced`);
  return names.filter((bytes) => isUtf8(bytes)).map((bytes) => bytes.toString());
}

function statOf(options: ListOptions, path: string): Stats | undefined {
  return reading(options.source, path, (absolute) => lstatSync(absolute));
}

/** Undefined when the path vanished between listing and looking: the next scan will not list it. The source itself has to be there. */
function reading<T>(source: string, path: string, read: (absolute: string) => T): T | undefined {
  try {
    // `join` would normalize what is normal already, for each of 20,000 paths.
    return read(path === '' ? source : `${source}/${path}`);
  } catch (error) {
    if (path !== '' && isGone(error)) return undefined;
    throw unreadable(source, path, error);
  }
}

const UNREADABLE_HINT = 'Make it readable, or add it to `ignore` in .resin-sync.yml or to .gitignore.';

export function unreadable(source: string, path: string, cause: unknown): RdtError {
  const code = errorCode(cause) ?? 'unreadable';
  return new RdtError(`cannot read ${join(source, path)} (${code})`, {
    hint: isInUse(cause) ? IN_USE_HINT : UNREADABLE_HINT,
    cause,
  });
}

/** Windows knows no permission bits: all is 0755 there, as in the context of a build, so that a build and a sync give the same. */
const modeOf = (stats: Stats, { platform }: ListOptions): number =>
  platform === 'win32' ? 0o755 : stats.mode & 0o7777;
