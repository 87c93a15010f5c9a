import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withPrograms } from '../image/medium/with-programs.js';
import { RdtError } from '../../../src/errors.js';
import { createIgnoreRules, ignoreFilesOf, type IgnoreRules } from '../../../src/sync/ignore-rules.js';

interface Tree {
  readonly patterns?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly skipGitignore?: boolean;
  readonly ignoreCase?: boolean;
}

/** The rules as a walker would have them inside `directory`, over files in memory. */
function rulesIn(
  directory: string,
  { patterns = [], files = {}, skipGitignore = false, ignoreCase = false }: Tree,
): IgnoreRules {
  const readIgnoreFile = skipGitignore
    ? undefined
    : (path: string): Buffer | undefined => {
        const text = files[path];
        return text === undefined ? undefined : Buffer.from(text);
      };
  let rules = createIgnoreRules({ patterns, readIgnoreFile, ignoreCase }).enter('', '.gitignore' in files);
  const steps = directory === '' ? [] : directory.split('/');
  for (const [index] of steps.entries()) {
    const path = steps.slice(0, index + 1).join('/');
    rules = rules.enter(path, `${path}/.gitignore` in files);
  }
  return rules;
}

const isFileIgnored = (path: string, tree: Tree): boolean =>
  rulesIn(dirname(path) === '.' ? '' : dirname(path), tree).isIgnored(path, false);

describe('the list of patterns', () => {
  it('matches names at every depth, and a trailing slash only folders', () => {
    const tree = { patterns: ['.git', 'node_modules/'] };
    expect(rulesIn('', tree).isIgnored('.git', true)).toBe(true);
    expect(rulesIn('web', tree).isIgnored('web/node_modules', true)).toBe(true);
    expect(rulesIn('web', tree).isIgnored('web/node_modules', false)).toBe(false);
    expect(isFileIgnored('index.js', tree)).toBe(false);
  });

  it('anchors a pattern with a leading slash at the source', () => {
    expect(isFileIgnored('lib', { patterns: ['/lib'] })).toBe(true);
    expect(isFileIgnored('web/lib', { patterns: ['/lib'] })).toBe(false);
  });

  it('takes a leading # as a character, because a list has no comments', () => {
    expect(isFileIgnored('#notes#', { patterns: ['#*#'] })).toBe(true);
  });

  it('wins over .gitignore', () => {
    const files = { '.gitignore': 'dist\n' };
    expect(isFileIgnored('dist', { files })).toBe(true);
    expect(isFileIgnored('dist', { files, patterns: ['!dist'] })).toBe(false);
  });
});

describe('.gitignore', () => {
  it('of a folder holds below that folder only, and wins over those above', () => {
    const files = { '.gitignore': '*.log\n', 'web/.gitignore': '!keep.log\n/out\n' };
    expect(isFileIgnored('keep.log', { files })).toBe(true);
    expect(isFileIgnored('web/keep.log', { files })).toBe(false);
    expect(isFileIgnored('web/deep/keep.log', { files })).toBe(false);
    expect(isFileIgnored('web/out', { files })).toBe(true);
    expect(isFileIgnored('web/deep/out', { files })).toBe(false);
    expect(isFileIgnored('out', { files })).toBe(false);
  });

  it('is not read with --skip-gitignore', () => {
    expect(isFileIgnored('a.log', { files: { '.gitignore': '*.log' }, skipGitignore: true })).toBe(false);
  });

  it('may begin with a byte order mark and have Windows line ends', () => {
    const files = { '.gitignore': '\uFEFFa\r\nb\r\n', 'web/.gitignore': '\uFEFFc\r\nd\r\n' };
    for (const path of ['a', 'b', 'web/c', 'web/d']) expect(isFileIgnored(path, { files })).toBe(true);
  });

  it('holds in a folder whose name has the characters of patterns', () => {
    // Between names on Windows.
    const backslash = process.platform === 'win32' ? '' : '\\';
    const files = { [`a[1]*?${backslash}/.gitignore`]: 'x\n' };
    expect(isFileIgnored(`a[1]*?${backslash}/x`, { files })).toBe(true);
    expect(isFileIgnored('a1/x', { files })).toBe(false);
  });

  it('compares case only where the file system does', () => {
    const files = { '.gitignore': 'Build\n' };
    expect(isFileIgnored('build', { files })).toBe(false);
    expect(isFileIgnored('build', { files, ignoreCase: true })).toBe(true);
  });
});

describe('.git/info/exclude', () => {
  it('is obeyed, below every .gitignore in rank', () => {
    const files = { '.git/info/exclude': 'scratch\nnotes\n', '.gitignore': '!notes\n' };
    expect(isFileIgnored('scratch', { files })).toBe(true);
    expect(isFileIgnored('notes', { files })).toBe(false);
    expect(isFileIgnored('scratch', { files, skipGitignore: true })).toBe(false);
  });
});

describe('files of our own', () => {
  it('are ignored at every depth, whatever the patterns say', () => {
    const tree = { patterns: ['!.rdt-stage', '!.resin-sync.yml'] };
    expect(isFileIgnored('.rdt-state', tree)).toBe(true);
    expect(rulesIn('web', tree).isIgnored('web/.rdt-stage', true)).toBe(true);
    expect(isFileIgnored('x.rdt-y', tree)).toBe(false);
  });

  it('are the project files at the top only', () => {
    expect(isFileIgnored('.resin-sync.yml', {})).toBe(true);
    expect(isFileIgnored('.balena-sync.yml', {})).toBe(true);
    expect(isFileIgnored('examples/.resin-sync.yml', {})).toBe(false);
  });
});

withPrograms('git').describe('on a real folder', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'rdt-ignore-'));
    execFileSync('git', ['init', '-q', folder]);
    // Git takes the ways of the file system that it finds; the rules here are those of Linux everywhere.
    for (const habit of ['ignorecase', 'precomposeunicode'])
      execFileSync('git', ['-C', folder, 'config', `core.${habit}`, 'false']);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('reads ignore files, knows missing ones, and refuses what it cannot read', () => {
    const read = ignoreFilesOf(folder);
    writeFileSync(join(folder, '.gitignore'), 'ä\n');
    mkdirSync(join(folder, 'odd/.gitignore'), { recursive: true });
    expect(read('.gitignore')?.toString()).toBe('ä\n');
    expect(read('none/.gitignore')).toBeUndefined();
    expect(read('.gitignore/below')).toBeUndefined();
    expect(() => read('odd/.gitignore')).toThrow(RdtError);
  });

  it('has one exclude file for all worktrees, and one for each submodule', () => {
    const git = (...args: string[]) =>
      execFileSync('git', [
        '-c',
        'protocol.file.allow=always',
        '-c',
        'user.name=x',
        '-c',
        'user.email=x@x',
        ...args,
      ]);
    const main = join(folder, 'repositories/main');
    git('init', '-q', main);
    git('-C', main, 'commit', '-q', '--allow-empty', '-m', 'x');
    git('-C', main, 'worktree', 'add', '-q', '../tree');
    git('-C', main, 'submodule', '--quiet', 'add', main, 'sub');
    writeFileSync(join(main, '.git/info/exclude'), 'private\n');
    writeFileSync(join(main, '.git/modules/sub/info/exclude'), 'of the submodule\n');
    const excluded = (source: string) => ignoreFilesOf(source)('.git/info/exclude')?.toString();
    expect(excluded(join(folder, 'repositories/tree'))).toBe('private\n');
    expect(excluded(join(main, 'sub'))).toBe('of the submodule\n');
    expect(excluded(join(folder, 'repositories'))).toBeUndefined();
    rmSync(join(folder, 'repositories'), { recursive: true });
  });

  it('agrees with git on random trees, patterns and nested .gitignore files', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(gitTree, ({ paths, ignoreFiles, exclude, listed }) => {
        fill(folder, paths, ignoreFiles, exclude);
        expect(ourFiles(folder, listed)).toEqual(gitFiles(folder, listed));
      }),
      { numRuns: Number(process.env['RDT_IGNORE_RUNS'] ?? 200), examples: FOUND },
    );
  });
});

const foundWith = (exclude: string) =>
  [{ paths: ['a', '#c/a', 'a b/a', 'b/a/b'], ignoreFiles: [], exclude, listed: [] }] as [TreeCase];
/** What random trees were found to differ in, once. */
const FOUND = ['**/#c\\/**/**\n', 'a\\/\n', '\\/a\n', '!\\/a\n', 'b\\/a\n', 'b\\\\/a\n'].map(foundWith);

const name = fc.constantFrom(
  'a',
  'b',
  'ab',
  'a.o',
  'b.o',
  'A',
  'a b',
  'x[1]',
  '#c',
  '!d',
  'e ',
  'é',
  'à',
  '.h',
  'a\\b',
  '-z',
  'a*',
);
const atom = fc.constantFrom(
  'a',
  'b',
  'ab',
  'A',
  '*',
  '?',
  '**',
  '.o',
  '.',
  '[ab]',
  '[!a]',
  '[a-c]',
  '\\',
  '\\*',
  ' ',
  '#c',
  'é',
  'à',
  'x\\[1\\]',
  '\\!d',
  '[[:upper:]]',
  '-z',
);
const segment = fc.array(atom, { minLength: 1, maxLength: 3 }).map((atoms) => atoms.join(''));
const pattern = fc
  .tuple(
    fc.constantFrom('', '', '', '!', '\\'),
    fc.constantFrom('', '', '/', '**/'),
    fc.array(segment, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '', '/', '/**', '/*', ' ', '\\ '),
  )
  .map(([head, anchor, segments, tail]) => head + anchor + segments.join('/') + tail)
  // Two asterisks beside a name are documented as one; git itself forgets that after a literal beginning (`a**/**` matches `a`).
  .filter((text) => !/[^/!]\*\*|\*\*[^/]/.test(text));
const ignoreText = fc
  .tuple(
    fc.array(fc.oneof({ weight: 8, arbitrary: pattern }, fc.constantFrom('', '# c', '/', '!', ' ')), {
      maxLength: 5,
    }),
    fc.constantFrom('\n', '\r\n'),
  )
  .map(([lines, eol]) => lines.join(eol) + eol);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
interface TreeCase {
  readonly paths: string[];
  readonly ignoreFiles: [number, string][];
  readonly exclude: string;
  readonly listed: string[];
}
const gitTree: fc.Arbitrary<TreeCase> = fc.record({
  paths: fc.array(path, { minLength: 5, maxLength: 25 }),
  ignoreFiles: fc.array(fc.tuple(fc.nat(), ignoreText), { maxLength: 4 }),
  exclude: ignoreText,
  listed: fc.array(
    pattern.filter((text) => !text.endsWith(' ')),
    { maxLength: 2 },
  ),
});

/** Replaces everything in the folder but `.git`. A path that collides with another one is left out. */
function fill(
  folder: string,
  paths: readonly string[],
  ignoreFiles: readonly [number, string][],
  exclude: string,
): void {
  for (const entry of readdirSync(folder)) {
    if (entry !== '.git') rmSync(join(folder, entry), { recursive: true });
  }
  const kinds = new Map<string, 'file' | 'folder'>();
  const folders = [''];
  // Where names that differ in case only are one.
  const foldsCase = existsSync(join(folder, '.GIT'));
  for (const file of paths.map((asGiven) => (foldsCase ? asGiven.toLowerCase() : asGiven))) {
    const parents = file
      .split('/')
      .map((_, index, names) => names.slice(0, index).join('/'))
      .slice(1);
    if (kinds.has(file) || parents.some((parent) => kinds.get(parent) === 'file')) continue;
    for (const parent of parents.filter((candidate) => !kinds.has(candidate))) {
      kinds.set(parent, 'folder');
      folders.push(parent);
    }
    kinds.set(file, 'file');
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  for (const [pick, text] of ignoreFiles)
    writeFileSync(join(folder, folders[pick % folders.length] ?? '', '.gitignore'), text);
  writeFileSync(join(folder, '.git/info/exclude'), exclude);
}

function ourFiles(folder: string, listed: readonly string[]): string[] {
  const found: string[] = [];
  const walk = (directory: string, outer: IgnoreRules): void => {
    const entries = readdirSync(join(folder, directory), { withFileTypes: true });
    const rules = outer.enter(
      directory,
      entries.some((entry) => entry.name === '.gitignore' && entry.isFile()),
    );
    for (const entry of entries) {
      const relative = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (relative === '.git' || rules.isIgnored(relative, entry.isDirectory())) continue;
      if (entry.isDirectory()) walk(relative, rules);
      else found.push(relative);
    }
  };
  walk('', createIgnoreRules({ patterns: listed, readIgnoreFile: ignoreFilesOf(folder), ignoreCase: false }));
  return found.sort();
}

function gitFiles(folder: string, listed: readonly string[]): string[] {
  const patterns = listed.flatMap((text) => ['-x', text.startsWith('#') ? `\\${text}` : text]);
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' };
  const out = execFileSync(
    'git',
    ['-C', folder, 'ls-files', '-z', '--others', '--exclude-standard', ...patterns],
    { env, encoding: 'utf8' },
  );
  return out
    .split('\0')
    .filter((entry) => entry !== '')
    .sort();
}
