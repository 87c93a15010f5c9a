import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GitLock, gitLockOf } from '../../../src/watch/git-lock.js';

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

  describe('in a folder', () => {
    const warnings = new Set<string>();
    let git: GitLock;
    let path: string;
    beforeEach(() => {
      warnings.clear();
      mkdirSync(join(root, 'project/.git'));
      path = join(root, 'project/.git/index.lock');
      git = new GitLock(join(root, 'project/sub'), (message) => void warnings.add(message));
    });

    it('is held as long as the file is there and young', () => {
      expect(git.isHeld(0, Date.now())).toBe(false);
      writeFileSync(path, '');
      expect(git.isHeld(0, Date.now())).toBe(true);
      utimesSync(path, Date.now() / 1000 - 11, Date.now() / 1000 - 11);
      expect(git.isHeld(0, Date.now())).toBe(false);
    });

    it('is told of when it takes longer than git does mostly', () => {
      writeFileSync(path, '');
      git.isHeld(900, Date.now());
      expect([...warnings]).toEqual([]);
      git.isHeld(1_100, Date.now());
      expect([...warnings]).toEqual([
        'waits for git: ../.git/index.lock is there; remove it if no git is running',
      ]);
    });

    it('is waited for once, however young it says that it is', () => {
      writeFileSync(path, '');
      const tomorrow = Date.now() / 1000 + 86_400;
      utimesSync(path, tomorrow, tomorrow);
      expect(git.isHeld(9_900, Date.now())).toBe(true);
      expect(git.isHeld(10_000, Date.now())).toBe(false);
      expect(git.isHeld(0, Date.now())).toBe(false);
      rmSync(path);
      writeFileSync(path, '');
      expect(git.isHeld(0, Date.now())).toBe(true);
    });
  });
});
