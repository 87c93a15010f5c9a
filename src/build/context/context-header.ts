import { encodeTarHeader } from '../../tar/tar-header.js';
import { type ContextEntry, pathBytes } from './context-entry.js';

/** The header blocks of an entry of the build context; `sizeBytes` of content must follow. Owner is root. */
export const contextHeader = (entry: ContextEntry, sizeBytes: number): Buffer =>
  encodeTarHeader({
    type: entry.type,
    name: entry.type === 'folder' ? Buffer.concat([pathBytes(entry), Buffer.from('/')]) : pathBytes(entry),
    linkTarget: entry.type === 'symlink' ? entry.target : Buffer.alloc(0),
    mode: entry.mode,
    uid: 0,
    gid: 0,
    mtimeSeconds: entry.mtimeSeconds,
    sizeBytes,
  });
