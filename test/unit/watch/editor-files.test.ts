import { describe, expect, it } from 'vitest';
import { createIgnoreRules } from '../../../src/sync/ignore-rules.js';
import { isEditorFile, withoutEditorFiles } from '../../../src/watch/editor-files.js';

describe('isEditorFile', () => {
  it.each([
    '.main.py.swp',
    '.swp',
    '.main.py.swo',
    'main.py~',
    '.#main.py',
    '#main.py#',
    'main.py___jb_tmp___',
    'main.py___jb_old___',
    '.goutputstream-4XK0L2',
    '.main.py.kate-swp',
    '.~lock.table.ods#',
  ])('takes %s for an editor’s own', (name) => {
    expect(isEditorFile(name)).toBe(true);
  });

  it.each(['main.py', '.env', 'swp', 'file.swp', '#channel', 'a~b', '.eslintrc', '4913', 'lock#'])(
    'takes %s for the app’s',
    (name) => {
      expect(isEditorFile(name)).toBe(false);
    },
  );
});

describe('withoutEditorFiles', () => {
  const rules = withoutEditorFiles(
    createIgnoreRules({
      patterns: ['*.log'],
      readIgnoreFile: (path) => (path === 'sub/.gitignore' ? Buffer.from('x.txt') : undefined),
      ignoreCase: false,
    }),
  );

  it('leaves out what the rules leave out, and editors’ files at every depth', () => {
    const top = rules.enter('', false);
    const inSub = top.enter('sub', true);
    expect(top.isIgnored('a.log', false)).toBe(true);
    expect(top.isIgnored('x.txt', false)).toBe(false);
    expect(inSub.isIgnored('sub/x.txt', false)).toBe(true);
    expect(inSub.isIgnored('sub/.a.swp', false)).toBe(true);
  });

  it('keeps folders of such names', () => {
    expect(rules.enter('', false).isIgnored('old~', true)).toBe(false);
  });
});
