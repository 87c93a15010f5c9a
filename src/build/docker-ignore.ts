import path from 'node:path';
import dockerignore from '@balena/dockerignore';
import { ExitCode } from '../errors.js';
import { ContextError } from './context/context-error.js';

/** The package is CommonJS with an ES default export: this is the function for both readings. */
const createMatcher = dockerignore.default;

/** Which paths of a source folder are left out of its build context. Paths are relative, with forward slashes. */
export interface DockerIgnore {
  excludes(path: string): boolean;
  /** False when nothing below this excluded folder can be re-included by a `!` rule, so that it need not be read. */
  mayReincludeBelow(folder: string): boolean;
}

export interface IgnoreRules {
  /** For messages: the file that the rules come from. */
  readonly name: string;
  readonly text: string;
  /** Rules of our own, applied before those of the file, so that the file can take them back. */
  readonly before?: readonly string[];
  /** Paths that are sent whatever the rules say: the Dockerfile and the ignore file, as the docker client does. */
  readonly always: readonly string[];
}

/**
 * Reads rules as `docker build` does (moby `builder/dockerignore`, `pkg/fileutils`).
 * @throws RdtError (usage) with file and line when docker would refuse a pattern.
 */
export function parseDockerIgnore(rules: IgnoreRules): DockerIgnore {
  const patterns = [...(rules.before ?? []).map(cleanRule), ...patternsOf(rules)].filter(
    (p) => p !== undefined,
  );
  const matcher = createMatcher({ ignorecase: false }).add(patterns.map(matcherRule));
  const negated = patterns.filter((p) => p.negated).map((p) => p.segments);
  const always = new Set(rules.always);
  return {
    excludes: (file) => !always.has(file) && matcher.ignores(`${ROOT}/${file}`),
    mayReincludeBelow: (folder) =>
      rules.always.some((file) => file.startsWith(`${folder}/`)) ||
      negated.some((segments) => mayMatchBelow(segments, folder.split('/'))),
  };
}

/**
 * All rules and paths are put below this folder: the matcher remembers its answers in a plain object, so that a file
 * named `constructor` at the top would find an inherited property there.
 */
const ROOT = 'context';

interface Pattern {
  readonly negated: boolean;
  /** Cleaned, with every character that is special to the matcher's regular expressions only made literal. */
  readonly text: string;
  readonly segments: readonly string[];
}

function patternsOf(rules: IgnoreRules): (Pattern | undefined)[] {
  const lines = rules.text.replace(/^\uFEFF/, '').split('\n');
  return lines.map((line, index) => {
    const pattern = line.startsWith('#') ? undefined : cleanRule(line);
    if (pattern !== undefined && !isValid(pattern)) throw badPattern(rules.name, index + 1, line.trim());
    return pattern;
  });
}

/** Undefined for a rule that can match nothing: an empty line, `.`, `/`, or a path above the source folder. */
function cleanRule(line: string): Pattern | undefined {
  const trimmed = line.trim();
  const negated = trimmed.startsWith('!');
  const rule = negated ? trimmed.slice(1).trim() : trimmed;
  if (rule === '') return negated ? { negated, text: '', segments: [] } : undefined;
  const cleaned = path.normalize(rule).split(path.sep).join('/').replace(/^\//, '').replace(/\/$/, '');
  if (cleaned === '' || cleaned === '.' || cleaned === '..' || cleaned.startsWith('../')) return undefined;
  return { negated, text: quoteForMatcher(cleaned), segments: cleaned.split('/') };
}

const matcherRule = ({ negated, text }: Pattern): string => `${negated ? '!' : ''}${ROOT}/${text}`;

/** A bracket expression, an escaped character, or one of those that Go's `filepath.Match` takes literally and a RegExp does not. */
const QUOTABLE = /\[\^?(?:\\.|[^\]\\])+\]|\\(.)|[+(){}|]/gsu;

function quoteForMatcher(pattern: string): string {
  return pattern.replace(QUOTABLE, (found: string, escaped: string | undefined) => {
    if (escaped !== undefined) return /[A-Za-z0-9]/.test(escaped) ? escaped : found;
    return found.length > 1 ? found : `[${found}]`;
  });
}

/** What docker refuses (`filepath.ErrBadPattern`, a lone `!`): an open bracket, a reversed range, a backslash at the end. */
function isValid({ text }: Pattern): boolean {
  if (text === '' || /(?:^|[^\\])(?:\\\\)*\\$/.test(text)) return false;
  try {
    createMatcher({ ignorecase: false }).add(`${ROOT}/${text}`).ignores('probe');
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function badPattern(file: string, line: number, pattern: string): ContextError {
  return new ContextError(`${file}:${line}: docker does not accept the pattern '${pattern}'.`, {
    exitCode: ExitCode.usage,
    hint: 'Close every bracket, and put a backslash before a character that is meant literally.',
  });
}

/**
 * Whether a pattern can match a path strictly below `folder`. Patterns that end at or above the folder decide about
 * all of it alike and were counted when the folder itself was matched. Errs towards true: that costs a readdir only.
 */
function mayMatchBelow(pattern: readonly string[], folder: readonly string[]): boolean {
  for (const [index, name] of folder.entries()) {
    const segment = pattern[index];
    if (segment === undefined) return false;
    if (segment.includes('**')) return true;
    if (!/[*?[\\]/.test(segment) && segment !== name) return false;
  }
  return pattern.length > folder.length;
}
