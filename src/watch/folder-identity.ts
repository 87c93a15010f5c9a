import { statIfThere } from '../sync/file-content.js';

/** Tells what is at a path from what comes there later, also with the same inode number; undefined when there is nothing. */
export function identityOf(path: string): string | undefined {
  const stats = statIfThere(path);
  return stats === undefined ? undefined : `${stats.dev} ${stats.ino} ${stats.birthtimeMs}`;
}
