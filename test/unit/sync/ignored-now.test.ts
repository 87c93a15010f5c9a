import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ignoredNow, type LocalState, rulesOfSource } from '../../../src/sync/local-state.js';

let source: string;

beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-ignored-'));
});
afterEach(() => rmSync(source, { recursive: true, force: true }));

function isIgnored(): LocalState['isIgnored'] {
  const rules = rulesOfSource({ source, ignore: [], skipGitignore: false, platform: 'linux' });
  return ignoredNow(source, rules);
}

describe('a path that is not there any more', () => {
  it('is ignored by the .gitignore of a folder that still is', () => {
    mkdirSync(join(source, 'lib'));
    writeFileSync(join(source, 'lib/.gitignore'), '*.o\n');
    expect(isIgnored()('lib/a.o', false)).toBe(true);
    expect(isIgnored()('a.o', false)).toBe(false);
  });

  it('is not ignored by what the walk takes for no .gitignore: a link, a folder', () => {
    writeFileSync(join(source, 'rules'), '*\n');
    symlinkSync('rules', join(source, '.gitignore'));
    mkdirSync(join(source, 'lib/.gitignore'), { recursive: true });
    expect(isIgnored()('a.o', false)).toBe(false);
    expect(isIgnored()('lib/a.o', false)).toBe(false);
  });

  it('is not ignored by what lies behind a link that took the place of its folder', () => {
    mkdirSync(join(source, 'shared/deep'), { recursive: true });
    for (const folder of ['shared', 'shared/deep']) writeFileSync(join(source, folder, '.gitignore'), '*\n');
    symlinkSync('shared', join(source, 'lib'));
    expect(isIgnored()('lib/a.o', false)).toBe(false);
    expect(isIgnored()('lib/deep/a.o', false)).toBe(false);
  });
});

it.skipIf(process.platform !== 'linux')(
  'a link to what is not UTF-8 is ignored: what the build brought for it stays',
  () => {
    symlinkSync(Buffer.from([0x61, 0xff]), join(source, 'odd'));
    symlinkSync('a', join(source, 'plain'));
    expect(isIgnored()('odd', false)).toBe(true);
    expect(isIgnored()('plain', false)).toBe(false);
  },
);
