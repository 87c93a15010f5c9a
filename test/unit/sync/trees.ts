import { createHash } from 'node:crypto';
import type { LocalEntry, LocalTree } from '../../../src/sync/tree.js';

const stamp = { mtimeMs: 1_000_000, ctimeMs: 1_000_000, inode: 1 };

export const file = (content: string, mode = 0o644): LocalEntry => ({
  kind: 'file',
  mode,
  sizeBytes: Buffer.byteLength(content),
  sha256: createHash('sha256').update(content).digest('hex'),
  stamp,
});

export const directory = (mode = 0o755): LocalEntry => ({ kind: 'directory', mode, stamp });

export const link = (target: string): LocalEntry => ({ kind: 'symlink', target, stamp });

export const tree = (entries: Readonly<Record<string, LocalEntry>>): LocalTree =>
  new Map(Object.entries(entries));
