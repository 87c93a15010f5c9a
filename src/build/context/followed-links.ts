import { realpathSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { isAbsolute } from '../../project/paths.js';
import { parentsOf } from '../../sync/tree.js';
import type { ListedEntry } from './context-entry.js';
import { unreadable } from './context-error.js';

/**
 * What a builder has to read itself, the Dockerfile and the ignore file, as files where they are links that it could not follow: out of the
 * folder, or to what is not sent. Docker's client reads both through any link, too. All other links stay links.
 * @throws RdtError when one cannot be followed.
 */
export function withLinksFollowed(
  source: string,
  entries: readonly ListedEntry[],
  names: readonly string[],
): readonly ListedEntry[] {
  const isStuck = (entry: ListedEntry): boolean =>
    entry.type === 'symlink' && names.includes(entry.path) && !leadsToFile(entry, entries);
  if (!entries.some(isStuck)) return entries;
  return entries.map((entry) => (isStuck(entry) ? followed(source, entry) : entry));
}

/** As many links as Linux follows for one path (`MAXSYMLINKS`). */
const MOST_LINKS = 40;

/** On a way that is sent with it, link by link. */
function leadsToFile({ path }: ListedEntry, entries: readonly ListedEntry[]): boolean {
  const sent = new Map(entries.map((entry) => [entry.path, entry]));
  let way = path;
  for (let links = 0; links <= MOST_LINKS; links++) {
    const link = firstLinkOf(way, sent);
    if (link === undefined) return sent.get(way)?.type === 'file';
    const target = link.target.toString();
    if (isAbsolute(target)) return false;
    way = posix.join(posix.dirname(link.path), target, way.slice(link.path.length));
  }
  return false;
}

function firstLinkOf(
  path: string,
  sent: ReadonlyMap<string, ListedEntry>,
): Extract<ListedEntry, { type: 'symlink' }> | undefined {
  for (const each of [...parentsOf(path), path]) {
    const entry = sent.get(each);
    if (entry?.type === 'symlink') return entry;
  }
  return undefined;
}

function followed(source: string, { path, rawPath, mode }: ListedEntry): ListedEntry {
  try {
    const realPath = realpathSync(`${source}/${path}`);
    const { size, mtimeMs, ctimeMs, mode: targetMode } = statSync(realPath);
    const times = { mtimeSeconds: Math.floor(mtimeMs / 1000), ctimeMs };
    return { type: 'file', path, rawPath, mode: targetMode & mode, sizeBytes: size, realPath, ...times };
  } catch (error) {
    throw unreadable(path, error);
  }
}
