import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitLockOf, isLocked } from '../../../src/watch/git-lock.js';

describe('the lock of git', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'rdt-git-lock-'));
    mkdirSync(join(root, 'project/sub'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is found from a folder below the top of the work tree', () => {
    mkdirSync(join(root, 'project/.git'));
    expect(gitLockOf(join(root, 'project/sub'))).toBe(join(root, 'project/.git/index.lock'));
  });

  it.each([
    ['relative', (git: string) => git, '../repository/worktrees/project'],
    ['absolute', (git: string) => join(root, git), 'repository/worktrees/project'],
  ])('is found where a linked work tree names it (%s)', (_, name, git) => {
    writeFileSync(join(root, 'project/.git'), `gitdir: ${name(git)}\n`);
    expect(gitLockOf(join(root, 'project/sub'))).toBe(join(root, 'repository/worktrees/project/index.lock'));
  });

  it('is held as long as the file is there and young', () => {
    const lock = join(root, 'index.lock');
    expect(isLocked(lock, Date.now())).toBe(false);
    writeFileSync(lock, '');
    expect(isLocked(lock, Date.now())).toBe(true);
    utimesSync(lock, Date.now() / 1000 - 11, Date.now() / 1000 - 11);
    expect(isLocked(lock, Date.now())).toBe(false);
  });
});
