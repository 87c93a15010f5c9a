import {
  lstat,
  mkdtemp,
  open,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  type FileHandle,
} from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { renameOver } from '../../rename-over.js';
import { errorCode } from '../../system-error.js';

/**
 * Gives a file a new content in one step, so that a reader sees the old one or the new one, whole; mode and owner stay. A symbolic
 * link stays one, and what it points to gets the content.
 * @param expected the content that is to be replaced, undefined for none.
 * @returns false, and nothing is changed, when the file has another content than `expected` by now.
 */
export async function replaceFile(
  path: string,
  expected: string | undefined,
  content: string,
): Promise<boolean> {
  const target = await followLinks(path);
  const folder = dirname(target);
  const model = await statOrUndefined(target);
  const stage = await stageIn(folder);
  try {
    const staged = join(stage, 'content');
    await writeDurably(staged, content, model ?? (await stat(folder)), model?.mode ?? 0o644);
    if ((await contentOf(target)) !== expected) return false;
    await renameOver(staged, target);
    return true;
  } finally {
    await removeStage(stage);
  }
}

/** Finds out whether `replaceFile` could write there, and leaves everything as it is. @throws what `fs` throws where it could not. */
export async function assertReplaceable(path: string): Promise<void> {
  await removeStage(await stageIn(dirname(await followLinks(path))));
}

/** SYNC.md, rule 11: names that begin with .rdt- are never synced, so a crash leaves nothing on the device. */
const stageIn = (folder: string): Promise<string> => mkdtemp(join(folder, '.rdt-save-'));

/** Windows removes no folder while a virus scanner looks into it. */
const removeStage = (stage: string): Promise<void> =>
  rm(stage, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });

/** On the disk before it gets its name: after a power cut, the name has the old content or all of the new one. */
async function writeDurably(path: string, content: string, owner: Stats, mode: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await giveTo(file, owner);
    await file.chmod(mode & 0o7777);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** `sudo rdt push` must not leave a file that its user cannot change any more. Who is not root can only own what he writes. */
async function giveTo(file: FileHandle, owner: Stats): Promise<void> {
  const own = await file.stat();
  if (own.uid === 0 && (own.uid !== owner.uid || own.gid !== owner.gid))
    await file.chown(owner.uid, owner.gid);
}

/** Also through a link to a file that does not exist yet. */
async function followLinks(path: string): Promise<string> {
  const stats = await orUndefined(lstat(path));
  if (stats?.isSymbolicLink() !== true) return path;
  return (await orUndefined(realpath(path))) ?? resolve(dirname(path), await readlink(path));
}

const statOrUndefined = (path: string): Promise<Stats | undefined> => orUndefined(stat(path));

const contentOf = (path: string): Promise<string | undefined> => orUndefined(readFile(path, 'utf8'));

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
