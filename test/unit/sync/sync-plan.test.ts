import { describe, expect, it } from 'vitest';
import { isEmptyPlan, planSync } from '../../../src/sync/sync-plan.js';
import { directory, file, link, tree } from './trees.js';

const nothingIgnored = (): boolean => false;

describe('planSync', () => {
  it('finds nothing to do between equal trees', () => {
    const same = tree({ a: directory(), 'a/x': file('one'), l: link('a/x') });
    expect(isEmptyPlan(planSync({ deployed: same, local: same, isIgnored: nothingIgnored }))).toBe(true);
  });

  it('sends what is new, and what differs in bytes, mode or link target', () => {
    const deployed = tree({
      bytes: file('one'),
      mode: file('one', 0o644),
      target: link('a'),
      same: file('one'),
    });
    const local = tree({
      bytes: file('two'),
      mode: file('one', 0o755),
      target: link('b'),
      same: file('one'),
      fresh: file('new'),
    });
    expect(planSync({ deployed, local, isIgnored: nothingIgnored }).uploads).toEqual([
      'bytes',
      'mode',
      'target',
      'fresh',
    ]);
  });

  it('sends a folder before what is in it', () => {
    const local = tree({ a: directory(), 'a/b': directory(), 'a/b/c': file('x') });
    expect(planSync({ deployed: tree({}), local, isIgnored: nothingIgnored }).uploads).toEqual([
      'a',
      'a/b',
      'a/b/c',
    ]);
  });

  it('deletes what is in a folder before the folder', () => {
    const deployed = tree({ a: directory(), 'a/b': directory(), 'a/b/c': file('x') });
    const { deletions } = planSync({ deployed, local: tree({}), isIgnored: nothingIgnored });
    expect(deletions.map(({ path }) => path)).toEqual(['a/b/c', 'a/b', 'a']);
  });

  it('leaves a vanished path alone that is ignored now', () => {
    const deployed = tree({ 'cache.db': file('x'), gone: file('y') });
    const isIgnored = (path: string): boolean => path === 'cache.db';
    const { deletions } = planSync({ deployed, local: tree({}), isIgnored });
    expect(deletions.map(({ path }) => path)).toEqual(['gone']);
  });

  it('clears a folder out of the way of the file that takes its place, before anything is sent', () => {
    const deployed = tree({ a: directory(), 'a/x': file('x'), other: file('o') });
    const { uploads, deletions, obstacles } = planSync({
      deployed,
      local: tree({ a: file('now a file') }),
      isIgnored: nothingIgnored,
    });
    expect(uploads).toEqual(['a']);
    expect(obstacles).toEqual([
      { path: 'a/x', kind: 'file' },
      { path: 'a', kind: 'directory' },
    ]);
    expect(deletions.map(({ path }) => path)).toEqual(['other']);
  });

  it('clears a file out of the way of a folder', () => {
    const { obstacles, uploads } = planSync({
      deployed: tree({ a: file('x') }),
      local: tree({ a: directory(), 'a/x': file('x') }),
      isIgnored: nothingIgnored,
    });
    expect(obstacles).toEqual([{ path: 'a', kind: 'file' }]);
    expect(uploads).toEqual(['a', 'a/x']);
  });

  it('takes a link in the place of a file for an ordinary upload', () => {
    const { obstacles, uploads } = planSync({
      deployed: tree({ a: file('x') }),
      local: tree({ a: link('b') }),
      isIgnored: nothingIgnored,
    });
    expect(obstacles).toEqual([]);
    expect(uploads).toEqual(['a']);
  });
});
