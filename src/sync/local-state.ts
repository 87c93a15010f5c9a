import { join } from 'node:path';
import { statIfThere } from './file-content.js';
import { createIgnoreRules, type IgnoreRules, ignoreFilesOf } from './ignore-rules.js';
import { readLink } from './read-link.js';
import { type LocalTree, parentOf } from './tree.js';

/** A folder on the laptop as it was found by one look at it. */
export interface LocalState {
  readonly tree: LocalTree;
  /** Wall clock when the look began, ms since 1970. */
  readonly scannedAtMs: number;
  /** For paths that are not in the tree. A link that no sync can tell the device is ignored as well: the container has it from its build. */
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

/** The rules in a folder; `isThere`: it is one that the walk enters, and not behind a link. */
interface Entered {
  readonly rules: IgnoreRules;
  readonly isThere: boolean;
}

/** For paths that are not in the tree: enters each folder on the way that still exists. */
export function ignoredNow(source: string, rules: IgnoreRules): LocalState['isIgnored'] {
  const entered = new Map<string, Entered>();
  const enter = (folder: string): Entered => {
    const known = entered.get(folder);
    if (known !== undefined) return known;
    const outer = folder === '' ? { rules, isThere: true } : enter(parentOf(folder));
    const absolute = join(source, folder);
    const isThere = outer.isThere && (folder === '' || statIfThere(absolute)?.isDirectory() === true);
    const hasGitignore = isThere && statIfThere(join(absolute, '.gitignore'))?.isFile() === true;
    const inside = { rules: outer.rules.enter(folder, hasGitignore), isThere };
    entered.set(folder, inside);
    return inside;
  };
  const isIgnored = (path: string, isDirectory: boolean): boolean => {
    const parent = parentOf(path);
    if (parent !== '' && isIgnored(parent, true)) return true;
    const { rules: inside, isThere } = enter(parent);
    return inside.isIgnored(path, isDirectory) || (isThere && isUntellableLink(join(source, path)));
  };
  return isIgnored;
}

function isUntellableLink(absolute: string): boolean {
  try {
    return readLink(absolute) === undefined;
  } catch {
    // Nothing, or no link.
    return false;
  }
}
