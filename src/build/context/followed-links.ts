import { realpathSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { isAbsolute } from '../../project/paths.js';
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

/** In one step to something that is sent: nothing on that way is a link either, for what is behind one is not listed. */
function leadsToFile(
  link: Extract<ListedEntry, { type: 'symlink' }>,
  entries: readonly ListedEntry[],
): boolean {
  const target = link.target.toString();
  if (isAbsolute(target)) return false;
  const at = posix.join(posix.dirname(link.path), target);
  return entries.some(({ path, type }) => type === 'file' && path === at);
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
