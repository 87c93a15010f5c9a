import { createIgnoreRules, type IgnoreRules, ignoreFilesOf } from './ignore-rules.js';
import type { LocalTree } from './tree.js';

/** A folder on the laptop as it was found by one look at it. */
export interface LocalState {
  readonly tree: LocalTree;
  /** Wall clock when the look began, ms since 1970. */
  readonly scannedAtMs: number;
  /** For paths that are not there any more. */
  readonly isIgnored: (path: string, isDirectory: boolean) => boolean;
}

export interface SourceRules {
  /** Absolute path. */
  readonly source: string;
  /** Patterns of `--ignore` or the project file. */
  readonly ignore: readonly string[];
  readonly skipGitignore: boolean;
  readonly platform: NodeJS.Platform;
}

/** The rules outside of the source: to be entered with `''`. */
export const rulesOfSource = ({ source, ignore, skipGitignore, platform }: SourceRules): IgnoreRules =>
  createIgnoreRules({
    patterns: ignore,
    readIgnoreFile: skipGitignore ? undefined : ignoreFilesOf(source),
    ignoreCase: platform === 'win32' || platform === 'darwin',
  });

/** For paths that are not there any more: enters each folder on the way that still exists. */
export function ignoredNow(source: string, rules: IgnoreRules): LocalState['isIgnored'] {
  const readIgnoreFile = ignoreFilesOf(source);
  const entered = new Map<string, IgnoreRules>();
  const rulesIn = (folder: string): IgnoreRules => {
    const known = entered.get(folder);
    if (known !== undefined) return known;
    const parent = folder === '' ? rules : rulesIn(parentOf(folder));
    const file = folder === '' ? '.gitignore' : `${folder}/.gitignore`;
    const inside = parent.enter(folder, readIgnoreFile(file) !== undefined);
    entered.set(folder, inside);
    return inside;
  };
  const isIgnored = (path: string, isDirectory: boolean): boolean => {
    const parent = parentOf(path);
    if (parent !== '' && isIgnored(parent, true)) return true;
    return rulesIn(parent).isIgnored(path, isDirectory);
  };
  return isIgnored;
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
