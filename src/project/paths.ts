import { posix } from 'node:path';
import { accepted, hasControlCharacter, type Parsed, quoted, refused } from './parsed.js';

/** The kernel's own trees: a container has them mounted, so nothing can be synced there. */
const KERNEL_TREES = ['/proc', '/sys', '/dev'];

/** Where in the container the source goes: absolute, normal form, never `/`. */
export function parseDestination(text: string): Parsed<string> {
  if (!text.startsWith('/')) return refused(`must be an absolute path in the container, not ${quoted(text)}`);
  if (hasControlCharacter(text)) return refused(`contains a control character: ${quoted(text)}`);
  const path = withoutTrailingSlash(posix.normalize(text));
  if (path === '/') return refused('must not be /: a sync would replace the files of the whole container');
  const tree = KERNEL_TREES.find((root) => path === root || path.startsWith(`${root}/`));
  return tree === undefined ? accepted(path) : refused(`must not be in ${tree}, which belongs to the kernel`);
}

/** A file below the source: relative, `/` between names, normal form. */
export function parseTriggerPath(text: string): Parsed<string> {
  if (text.trim() === '') return refused('must not be empty');
  if (hasControlCharacter(text)) return refused(`contains a control character: ${quoted(text)}`);
  if (isAbsolute(text)) return refused(`must be relative to the source folder, not ${quoted(text)}`);
  const path = withoutTrailingSlash(posix.normalize(text));
  if (leavesSource(path)) return refused(`lies outside the source folder: ${quoted(text)}`);
  return path === '.' ? refused('must be a file, not the source folder itself') : accepted(path);
}

/** One pattern in the syntax of .gitignore, rooted at the source; a leading slash anchors it there. */
export function parseIgnorePattern(text: string): Parsed<string> {
  if (text.trim() === '') return refused('must not be empty');
  if (/[\0\r\n]/.test(text)) return refused(`must be one line: ${quoted(text)}`);
  const path = text.replace(/^!/, '').replace(/^\//, '');
  if (isDriveAbsolute(path)) return refused(`must be relative to the source folder, not ${quoted(text)}`);
  return leavesSource(posix.normalize(path))
    ? refused(`lies outside the source folder: ${quoted(text)}`)
    : accepted(text);
}

const isDriveAbsolute = (text: string): boolean => /^[A-Za-z]:[\\/]/.test(text) || text.startsWith('\\\\');

/** Here or on Windows. */
export const isAbsolute = (text: string): boolean => text.startsWith('/') || isDriveAbsolute(text);

/** `normalPath` is relative, and in normal form. */
export const leavesSource = (normalPath: string): boolean => /^\.\.(\/|$)/.test(normalPath);

const withoutTrailingSlash = (path: string): string => (path === '/' ? path : path.replace(/\/$/, ''));
