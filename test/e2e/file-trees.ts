import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar-stream';

/** Path -> `d 755`, `f 644 <sha256>`, `l <target>`: what two folders must share to be equal. */
export type FileTree = Map<string, string>;

const octal = (mode: number): string => (mode & 0o7777).toString(8);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Reads a folder on this machine; `skip` leaves out a path and all below it. */
export function localTree(root: string, skip: (path: string) => boolean = () => false): FileTree {
  const tree: FileTree = new Map();
  const visit = (folder: string): void => {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (skip(path)) continue;
      const stats = lstatSync(join(root, path));
      if (stats.isDirectory()) {
        tree.set(path, `d ${octal(stats.mode)}`);
        visit(path);
      } else if (stats.isSymbolicLink()) tree.set(path, `l ${readlinkSync(join(root, path))}`);
      else tree.set(path, `f ${octal(stats.mode)} ${sha256(readFileSync(join(root, path)))}`);
    }
  };
  visit('');
  return tree;
}

/** Reads a folder in a container by the engine's own archive, without any part of rdt. rdt's own files are left out. */
export async function containerTree(engineUrl: string, container: string, folder: string): Promise<FileTree> {
  const docker = spawn('docker', ['-H', engineUrl, 'cp', `${container}:${folder}/.`, '-'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const tar = extract();
  docker.stdout.pipe(tar);
  const tree: FileTree = new Map();
  const hashOf = new Map<string, string>();
  for await (const entry of tar) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const path = entry.header.name.replace(/^\.\//, '').replace(/\/$/, '');
    if (path === '' || path === '.' || /(^|\/)\.rdt-/.test(path)) continue;
    const { type, mode, linkname } = entry.header;
    if (type === 'directory') tree.set(path, `d ${octal(mode)}`);
    else if (type === 'symlink') tree.set(path, `l ${linkname}`);
    else if (type === 'link')
      tree.set(path, `f ${octal(mode)} ${hashOf.get(linkname.replace(/^\.\//, '')) ?? '?'}`);
    else {
      hashOf.set(path, sha256(Buffer.concat(chunks)));
      tree.set(path, `f ${octal(mode)} ${hashOf.get(path) ?? ''}`);
    }
  }
  return new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}
