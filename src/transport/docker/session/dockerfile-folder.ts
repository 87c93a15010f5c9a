import { posix } from 'node:path';
import type { OfferedEntry } from '../../../build/context/context-files.js';

/** As the kernel: more links in a row than this are a circle. */
const MOST_LINKS = 40;

/** What of a context is needed to read its Dockerfile: the folders that it is in and, when it is a link or behind one, what that leads to. */
export function dockerfileFolder(entries: readonly OfferedEntry[], dockerfile: string): OfferedEntry[] {
  const needed = new Set<string>();
  const targets = new Map(
    entries.flatMap((entry) => (entry.type === 'symlink' ? [[entry.path, entry.target.toString()]] : [])),
  );
  let rest: string | undefined = dockerfile;
  for (let links = 0; rest !== undefined && links <= MOST_LINKS; links++)
    rest = follow(rest, targets, needed);
  return entries.filter(({ path }) => needed.has(path));
}

/** Notes each step of the way up to the first link; answers the path that this one makes of it, undefined when there is none or it leads out. */
function follow(path: string, targets: ReadonlyMap<string, string>, needed: Set<string>): string | undefined {
  const names = path.split('/');
  for (let depth = 1; depth <= names.length; depth++) {
    const step = names.slice(0, depth).join('/');
    needed.add(step);
    const target = targets.get(step);
    if (target === undefined) continue;
    const next = posix.join(posix.dirname(step), target, ...names.slice(depth));
    return target.startsWith('/') || next.startsWith('..') ? undefined : next;
  }
  return undefined;
}
