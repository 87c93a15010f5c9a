import { join, resolve } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { RdtError } from '../errors.js';
import { PROJECT_FILE_NAMES } from '../project/project-file-names.js';
import { readRegularFile } from '../regular-file.js';
import { ignoreShortcut } from './ignore-shortcut.js';
import { errorCode, isGone } from '../system-error.js';

/** Which paths of one folder, and of all below it that have no `.gitignore` of their own, are left out of a sync. */
export interface IgnoreRules {
  /**
   * `relativePath` is relative to the source, `/` between names, without a leading or trailing slash. A symbolic link is no
   * directory. The path's parent must not be ignored: what is below an ignored folder cannot come back, so it is never asked.
   */
  isIgnored(relativePath: string, isDirectory: boolean): boolean;
  /**
   * The rules inside `directory` (relative to the source, `''` for the source itself, to be entered like any other).
   * `hasGitignore`: it has a regular file `.gitignore`, which is read now; like git, a link of that name does not count.
   */
  enter(directory: string, hasGitignore: boolean): IgnoreRules;
}

export interface IgnoreOptions {
  /** Of `--ignore` or the project file: syntax of .gitignore, rooted at the source; they win over every .gitignore. */
  readonly patterns: readonly string[];
  /** Reads a file below the source; undefined when it is not there. Undefined itself: `--skip-gitignore`. */
  readonly readIgnoreFile: ((relativePath: string) => Buffer | undefined) | undefined;
  /** True where file names are compared without case: Windows, macOS. */
  readonly ignoreCase: boolean;
}

const PROJECT_FILES: ReadonlySet<string> = new Set(PROJECT_FILE_NAMES);
const EXCLUDE_FILE = '.git/info/exclude';
/** Our own stage, state and temporary files (SYNC.md, rule 11). */
const OWN_PREFIX = '.rdt-';

/** The rules outside of the source: `enter('', ...)` gives those of its top folder. */
export function createIgnoreRules(options: IgnoreOptions): IgnoreRules {
  const exclude = options.readIgnoreFile?.(EXCLUDE_FILE);
  const listed = options.patterns.map((pattern) => asBytes(asPattern(pattern)));
  return rulesOf({ options, listed, inherited: exclude === undefined ? [] : linesOf(exclude) });
}

/**
 * The `readIgnoreFile` of a source on disk.
 * @throws RdtError when a file is there but cannot be read: guessing could send what was meant to stay.
 */
export function ignoreFilesOf(source: string): (relativePath: string) => Buffer | undefined {
  return (relativePath) => {
    try {
      return readRegularFile(
        relativePath === EXCLUDE_FILE ? excludeFileOf(source) : join(source, relativePath),
      );
    } catch (cause) {
      if (isGone(cause)) return undefined;
      throw new RdtError(`${relativePath} cannot be read`, { hint: 'Or push with --skip-gitignore.', cause });
    }
  };
}

/** In a worktree, and in a submodule, `.git` is a file that names the folder, and that one names the folder of all worktrees (gitrepository-layout). */
function excludeFileOf(source: string): string {
  const folder = firstLineOf(join(source, '.git'))?.replace(/^gitdir: /, '');
  if (folder === undefined) return join(source, EXCLUDE_FILE);
  const own = resolve(source, folder);
  return join(resolve(own, firstLineOf(join(own, 'commondir')) ?? ''), 'info/exclude');
}

/** Undefined where there is no such file. */
function firstLineOf(path: string): string | undefined {
  try {
    return readRegularFile(path).toString().split('\n')[0];
  } catch (error) {
    if (isGone(error) || errorCode(error) === 'no file') return undefined;
    throw error;
  }
}

interface Level {
  readonly options: IgnoreOptions;
  /** Patterns as the library takes them: one character a byte, relative to the source. */
  readonly listed: readonly string[];
  /** The lines of all ignore files from the source down to here. */
  readonly inherited: readonly string[];
}

/** One matcher for all levels, so that the order of precedence is the order of its rules: the last that matches decides, as in git. */
function rulesOf(level: Level): IgnoreRules {
  const { ignoreCase } = level.options;
  const patterns = [...level.inherited, ...level.listed];
  const shortcut = ignoreShortcut(patterns, ignoreCase);
  const rest = shortcut.rest.length > 0 ? matcherOf(shortcut.rest, ignoreCase) : undefined;
  let whole: Ignore | undefined;
  const rules: IgnoreRules = {
    isIgnored: (relativePath, isDirectory) => {
      const path = asBytes(relativePath);
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (isOurs(path, name)) return true;
      const matcher = shortcut.couldMatch(path, name) ? (whole ??= matcherOf(patterns, ignoreCase)) : rest;
      return matcher?.ignores(isDirectory ? `${path}/` : path) ?? false;
    },
    enter: (directory, hasGitignore) => {
      const path = directory === '' ? '.gitignore' : `${directory}/.gitignore`;
      const text = hasGitignore ? level.options.readIgnoreFile?.(path) : undefined;
      return text === undefined ? rules : rulesOf(below(level, directory, linesOf(text)));
    },
  };
  return rules;
}

const below = (level: Level, directory: string, lines: readonly string[]): Level => ({
  ...level,
  inherited: [...level.inherited, ...(directory === '' ? lines : rebasedLines(lines, asBytes(directory)))],
});

const matcherOf = (patterns: readonly string[], ignoreCase: boolean): Ignore =>
  ignore({ ignoreCase }).add(patterns);

/** Which paths patterns in the syntax of .gitignore name; see `IgnoreRules.isIgnored` for the paths, whose parents count here as well. */
export function pathMatcher(
  patterns: readonly string[],
): (relativePath: string, isDirectory: boolean) => boolean {
  const matcher = matcherOf(
    patterns.map((pattern) => asBytes(asPattern(pattern))),
    false,
  );
  return (relativePath, isDirectory) => matcher.ignores(`${asBytes(relativePath)}${isDirectory ? '/' : ''}`);
}

const isOurs = (path: string, name: string): boolean =>
  name.startsWith('.') && (name.startsWith(OWN_PREFIX) || PROJECT_FILES.has(path));

/** In a list there are no comments: `#*#` means Emacs' files. */
const asPattern = (text: string): string => withPlainSlashes(text.startsWith('#') ? `\\${text}` : text);

/** git compares bytes: `?` is one of the two of `\u00e9`. One character a byte makes the library do the same. */
const asBytes = (text: string): string =>
  isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');

// eslint's no-control-regex is about accidents; here the first 128 characters are meant, from NUL on.
const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/** git skips a UTF-8 byte order mark, and a carriage return before a line feed. */
const linesOf = (ignoreFile: Buffer): string[] =>
  ignoreFile
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .split('\n')
    .map((line) => withPlainSlashes(line.replace(/\r$/, '')));

/** To git an escaped slash inside a pattern is a slash, which the library does not know. At either end it makes a pattern that matches nothing. */
function withPlainSlashes(line: string): string {
  const start = line.startsWith('!') ? 1 : 0;
  const end = withoutTrailingSpaces(line).length;
  return line.replace(/\\(.)/gs, (pair, escaped: string, at: number) =>
    escaped === '/' && at > start && at + pair.length < end ? '/' : pair,
  );
}

const rebasedLines = (lines: readonly string[], directory: string): string[] => {
  const base = directory.replace(/[\\*?[\]]/g, '\\$&');
  return lines.flatMap((line) => rebased(line, base));
};

/** A line of `<base>/.gitignore` as it reads from the source. A pattern without an inner slash holds at every depth below. */
function rebased(line: string, base: string): string[] {
  const trimmed = withoutTrailingSpaces(line);
  if (trimmed.startsWith('#')) return [];
  const negation = trimmed.startsWith('!') ? '!' : '';
  const body = trimmed.slice(negation.length);
  if (body === '' || body === '/') return [];
  const anchored = body.slice(0, -1).includes('/');
  return [`${negation}/${base}/${anchored ? body.replace(/^\//, '') : `**/${body}`}`];
}

/** Spaces at the end do not count unless a backslash is before them. */
function withoutTrailingSpaces(line: string): string {
  let end = 0;
  for (let index = 0; index < line.length; index++) {
    if (line[index] === '\\') end = ++index + 1;
    else if (line[index] !== ' ') end = index + 1;
  }
  return line.slice(0, end);
}
