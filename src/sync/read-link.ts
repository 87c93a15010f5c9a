import { isUtf8 } from 'node:buffer';
import { readlinkSync } from 'node:fs';

/** What a symbolic link says; undefined when that is no valid UTF-8, which a sync cannot tell the device. @throws what `fs` throws. */
export function readLink(absolute: string): string | undefined {
  const target = readlinkSync(absolute);
  // In place of what is invalid; it may as well be in the target itself.
  if (!target.includes('\uFFFD')) return target;
  return isUtf8(readlinkSync(absolute, 'buffer')) ? target : undefined;
}
