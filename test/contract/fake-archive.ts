import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Header, extract, pack } from 'tar-stream';
import { EngineError } from '../../src/transport/engine-error.js';
import { type FakeFileTree, type FakeNode, newDirectory } from './fake-file-tree.js';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** Unpacks as the engine does: entry by entry, so that a broken tar leaves what came before; a file replaces a folder and the other way round. */
export const unpack = (tree: FakeFileTree, directory: string, tar: Readable | Buffer): Promise<void> =>
  unpackBy(place, tree, directory, tar);

/** Unpacks as busybox's tar does: a folder that is not empty makes way for nothing, and a file for no folder, without a word. */
export const unpackByTar = (tree: FakeFileTree, directory: string, tar: Buffer): Promise<void> =>
  unpackBy(placeByTar, tree, directory, tar);

const placeByTar: typeof place = (tree, directory, header, bytes) => {
  const there = tree.find(posix.join(directory, header.name));
  if (header.type !== 'directory' && there?.kind === 'directory' && there.children.size > 0)
    throw new Error(`tar: ${header.name}: Is a directory`);
  if (header.type === 'directory' && there?.kind === 'file') return;
  place(tree, directory, header, bytes);
};

const unpackBy = async (
  put: typeof place,
  tree: FakeFileTree,
  directory: string,
  tar: Readable | Buffer,
): Promise<void> => {
  // The failure of the source is told as it is; what the tar is worth is for the engine to say.
  const bytes = Buffer.isBuffer(tar) ? tar : await buffer(tar);
  const parser = extract();
  const gunzip = bytes.subarray(0, 2).equals(GZIP_MAGIC) ? [createGunzip()] : [];
  const source = pipeline([Readable.from([bytes]), ...gunzip, parser]);
  try {
    for await (const entry of parser) put(tree, directory, entry.header, await buffer(entry));
    await source;
  } catch (error) {
    source.catch(() => undefined);
    if (error instanceof EngineError) throw error;
    throw new EngineError(500, error instanceof Error ? error.message : String(error));
  }
};

const place = (tree: FakeFileTree, directory: string, header: Header, bytes: Buffer): void => {
  const path = posix.join(directory, header.name);
  const { mode, uid, gid } = header;
  const attributes = { mode, uid, gid, mtimeMs: header.mtime.getTime() };
  switch (header.type) {
    case 'directory':
      placeDirectory(tree, path, attributes);
      return;
    case 'symlink':
      tree.put(path, { kind: 'symlink', target: header.linkname, ...attributes, mode: 0o777 });
      return;
    case 'link':
      tree.put(path, linked(tree, posix.join(directory, header.linkname), path));
      return;
    case 'file':
    case 'contiguous-file':
      tree.put(path, { kind: 'file', bytes, ...attributes });
      return;
    case 'block-device':
    case 'character-device':
    case 'fifo':
      throw new EngineError(500, `The fake engine cannot unpack a ${header.type}.`);
  }
};

const placeDirectory = (tree: FakeFileTree, path: string, attributes: object): void => {
  const existing = tree.find(path);
  if (existing?.kind === 'directory') Object.assign(existing, attributes);
  else tree.put(path, { ...newDirectory(), ...attributes });
};

/** What is at the new name is gone by then. */
const linked = (tree: FakeFileTree, target: string, name: string): FakeNode => {
  const node = tree.find(target);
  if (node === undefined) throw new EngineError(500, `link ${target}: no such file or directory`);
  tree.remove(name);
  if (tree.mountOf(target) !== tree.mountOf(name))
    throw new EngineError(500, `link ${target} ${name}: invalid cross-device link`);
  return node;
};

/** A tar of a node whose first entry is `name`. */
export const packed = (name: string, node: FakeNode): Readable => {
  const tar = pack();
  addEntry(tar, name, node);
  tar.finalize();
  return Readable.from(tar);
};

const addEntry = (tar: ReturnType<typeof pack>, name: string, node: FakeNode): void => {
  const { mode, uid, gid } = node;
  const header = { name, mode, uid, gid, mtime: new Date(node.mtimeMs) };
  switch (node.kind) {
    case 'file':
      tar.entry({ ...header, type: 'file' }, node.bytes);
      return;
    case 'symlink':
      tar.entry({ ...header, type: 'symlink', linkname: node.target });
      return;
    case 'directory':
      tar.entry({ ...header, name: `${name}/`, type: 'directory' });
      for (const [child, childNode] of node.children) addEntry(tar, `${name}/${child}`, childNode);
  }
};
