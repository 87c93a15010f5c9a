import { describe, expect, it } from 'vitest';
import { parseDockerIgnore } from '../../../src/build/docker-ignore.js';
import { RdtError } from '../../../src/errors.js';

const rules = (text: string, always: string[] = []) =>
  parseDockerIgnore({ name: '.dockerignore', text, always });

/** Rules, paths that docker leaves out, paths that it sends. */
const cases: [title: string, text: string, excluded: string[], sent: string[]][] = [
  ['a plain name only at the top', 'temp', ['temp', 'temp/a'], ['sub/temp', 'temporary', 'Temp']],
  ['one level down', '*/temp*', ['a/temporary.txt', 'a/temp', 'a/temp/b'], ['temp', 'a/b/temp']],
  ['two levels down', '*/*/temp*', ['a/b/temporary.txt'], ['a/temp', 'a/b/c/temp']],
  ['exactly one more character', 'temp?', ['tempa', 'tempb'], ['temp', 'tempab', 'temp/']],
  ['any number of folders, none included', '**/*.go', ['main.go', 'a/b/c.go'], ['a.go.txt']],
  ['a double star in the middle', 'src/**/gen', ['src/gen', 'src/a/b/gen/x'], ['gen', 'src/generated']],
  ['a double star at the end', 'logs/**', ['logs/a', 'logs/a/b'], ['logs']],
  ['comments and empty lines', '# a\n\n  \nb\n', ['b'], ['# a', 'a', '#']],
  ['a comment sign after spaces is a name', ' #x', ['#x'], ['x']],
  ['spaces around a rule', '  a b \t', ['a b'], ['a', 'b']],
  ['windows line ends', 'a\r\nb\r\n', ['a', 'b'], ['c']],
  ['a byte order mark', '\uFEFFa', ['a'], ['b']],
  ['leading slash, dot and doubled slashes', '/a\n./b\nc//d', ['a', 'b', 'c/d'], ['x/a', 'd']],
  ['a trailing slash, which matches files too', 'dir/', ['dir', 'dir/a'], ['sub/dir']],
  ['dots that leave nothing or the tree', '.\n/\n../x\n..', [], ['x', 'a', '.', '..x']],
  ['dot segments in between', 'a/../b/./c', ['b/c'], ['a', 'a/b/c']],
  ['a later rule wins', '*.md\n!README.md', ['a.md'], ['README.md']],
  [
    'a later rule takes an exception back',
    '*.md\n!README*.md\nREADME-secret.md',
    ['README-secret.md'],
    ['README.md'],
  ],
  ['an exception that is overruled', '*.md\nREADME-secret.md\n!README*.md', ['a.md'], ['README-secret.md']],
  [
    'an exception below an excluded folder',
    'vendor\n!vendor/keep',
    ['vendor/a'],
    ['vendor/keep', 'vendor/keep/x'],
  ],
  ['everything but', '*\n!src\n!package*.json', ['a', 'lib/x'], ['src', 'src/a/b', 'package-lock.json']],
  ['an exception with a double star', '**\n!**/*.py', ['a', 'b/c.js'], ['x.py', 'b/c.py']],
  ['spaces after the exclamation mark', '*\n! a', ['b'], ['a']],
  ['a bracket expression', '[a-c].txt\nx[^0-9]', ['b.txt', 'xy'], ['d.txt', 'x1']],
  ['an escaped wildcard', '\\*.txt\n\\!bang', ['*.txt', '!bang'], ['a.txt', 'bang']],
  ['an escaped letter is that letter', '\\d', ['d'], ['1', '\\d']],
  ['a dot is a dot', '.git', ['.git', '.git/config'], ['agit', '.github', 'sub/.git']],
  ['characters of regular expressions are literal', 'a+b(c){d}|e$', ['a+b(c){d}|e$'], ['aab', 'a+b']],
  [
    'names of inherited properties',
    'constructor\n__proto__',
    ['constructor', '__proto__'],
    ['toString', 'valueOf'],
  ],
  ['names beyond ASCII', 'prix-€\n**/ü*', ['prix-€', 'a/über'], ['prix']],
];

/** There a backslash is between names, also in docker's own client, and escapes nothing. */
const onWindows = process.platform === 'win32';

describe('rules of a .dockerignore', () => {
  it.each(cases.filter(([title]) => !onWindows || !title.startsWith('an escaped')))(
    '%s',
    (_title, text, excluded, sent) => {
      const ignore = rules(text);
      expect(excluded.filter((file) => !ignore.excludes(file))).toEqual([]);
      expect(sent.filter((file) => ignore.excludes(file))).toEqual([]);
    },
  );

  it('always send the Dockerfile and the ignore file, whatever they say', () => {
    const ignore = rules('**', ['docker/Dockerfile', '.dockerignore']);
    expect(ignore.excludes('docker/Dockerfile')).toBe(false);
    expect(ignore.excludes('.dockerignore')).toBe(false);
    expect(ignore.excludes('docker/other')).toBe(true);
    expect(ignore.mayReincludeBelow('docker')).toBe(true);
  });

  it('put our own rules first, so that the file can take them back', () => {
    const ignore = parseDockerIgnore({ name: 'x', text: '!.git', before: ['.git', '.cache'], always: [] });
    expect(ignore.excludes('.git/config')).toBe(false);
    expect(ignore.excludes('.cache/a')).toBe(true);
  });

  it.each(['!', '[a', '[z-a]', ...(onWindows ? [] : ['x\\'])])('refuse %j with file and line', (pattern) => {
    let thrown: unknown;
    try {
      rules(`ok\n${pattern}\n`);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RdtError);
    expect((thrown as RdtError).message).toContain('.dockerignore:2:');
  });
});

describe('an excluded folder is entered only', () => {
  it.each([
    ['when an exception names a path below it', 'a\n!a/b/c', 'a', true],
    ['on the way to that path', 'a\n!a/b/c', 'a/b', true],
    ['not beside that path', 'a\n!a/b/c', 'a/x', false],
    ['not without exceptions', 'a', 'a', false],
    ['not for an exception elsewhere', 'a\n!b/c', 'a', false],
    ['when an exception has a double star', '*\n!**/*.py', 'deep', true],
    ['when a wildcard may match it', '*\n!*/keep', 'x', true],
    ['not below the last segment of an exception', '*\n!*/keep', 'x/y', false],
  ])('%s', (_title, text, folder, entered) => {
    expect(rules(text).mayReincludeBelow(folder)).toBe(entered);
  });
});
