import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differingPaths, withChanges } from '../../../src/sync/layered-tree.js';
import { planSync } from '../../../src/sync/sync-plan.js';
import { type LocalEntry, type LocalTree, parentsOf } from '../../../src/sync/tree.js';
import { directory, file, link, tree } from './trees.js';

describe('a tree with changes', () => {
  const base = tree({ a: directory(), 'a/x': file('1'), y: file('1') });

  it('is the same tree without any', () => {
    expect(withChanges(base, new Map())).toBe(base);
  });

  it('has what was added, replaced and taken away, and leaves the other as it was', () => {
    const changes = new Map([
      ['y', undefined],
      ['a/x', file('2')],
      ['b', directory()],
      ['b/z', link('y')],
    ]);
    const changed = withChanges(base, changes);
    expect([...changed]).toEqual([
      ['a', directory()],
      ['a/x', file('2')],
      ['b', directory()],
      ['b/z', link('y')],
    ]);
    expect(changed.size).toBe(4);
    expect([...base.keys()]).toEqual(['a', 'a/x', 'y']);
  });

  it('behaves as a map does, whatever changed and however often', () => {
    fc.assert(
      fc.property(fc.array(fc.array(step(), { maxLength: 5 }), { maxLength: 20 }), (rounds) => {
        let layered: LocalTree = base;
        const map = new Map(base);
        for (const round of rounds) {
          const changes = new Map<string, LocalEntry | undefined>();
          for (const { path, entry } of round) apply(map, changes, path, entry);
          layered = withChanges(layered, changes);
        }
        expect(new Map(layered)).toEqual(map);
        expect(layered.size).toBe(map.size);
        expect([...layered.keys()].sort()).toEqual([...map.keys()].sort());
        expect([...layered.values()]).toEqual([...layered].map(([, entry]) => entry));
        expect(foldersFirst(layered)).toBe(true);
      }),
    );
  });

  it('is planned as a whole comparison plans it', () => {
    fc.assert(
      fc.property(
        fc.array(step(), { maxLength: 30 }),
        fc.array(step(), { maxLength: 30 }),
        (before, after) => {
          const deployed = withChanges(base, changesOf(base, before));
          const local = withChanges(deployed, changesOf(deployed, after));
          expect(differingPaths(deployed, local)).toBeDefined();
          const plan = planSync({ deployed, local, isIgnored: () => false });
          const whole = planSync({
            deployed: new Map(deployed),
            local: new Map(local),
            isIgnored: () => false,
          });
          expect({ ...plan, uploads: new Set(plan.uploads) }).toEqual({
            ...whole,
            uploads: new Set(whole.uploads),
          });
          expect(foldersFirst(new Map(plan.uploads.map((path) => [path, path])))).toBe(true);
        },
      ),
    );
  });

  it('does not know how it differs from a tree with other layers', () => {
    expect(differingPaths(base, tree({}))).toBeUndefined();
  });

  it('stays small: many changes make a tree of their own', () => {
    const many = Array.from({ length: 1_000 }, (_, index): [string, LocalEntry] => [`f${index}`, file('x')]);
    const changed = withChanges(base, new Map(many));
    expect(changed).toBeInstanceOf(Map);
    expect(changed.size).toBe(1_003);
  });
});

const step = () =>
  fc.record({
    path: fc.constantFrom('a', 'a/x', 'a/b', 'a/b/c', 'y', 'n', 'n/m', 'n/m/o'),
    entry: fc.constantFrom(undefined, directory(), file('1'), file('2'), link('l')),
  });

/** As a walk would find it: a folder comes with its parents, and takes along what is in it. */
function apply(
  map: Map<string, LocalEntry>,
  changes: Map<string, LocalEntry | undefined>,
  path: string,
  entry: LocalEntry | undefined,
): void {
  const set = (at: string, now: LocalEntry | undefined): void => {
    if (now === undefined) map.delete(at);
    else map.set(at, now);
    changes.set(at, now);
  };
  if ([...parentsOf(path)].some((parent) => map.get(parent)?.kind !== 'directory')) return;
  if (entry?.kind !== 'directory')
    for (const inner of [...map.keys()]) if (inner.startsWith(`${path}/`)) set(inner, undefined);
  set(path, entry);
}

function changesOf(before: LocalTree, steps: readonly { path: string; entry: LocalEntry | undefined }[]) {
  const changes = new Map<string, LocalEntry | undefined>();
  const map = new Map(before);
  for (const { path, entry } of steps) apply(map, changes, path, entry);
  return changes;
}

function foldersFirst(entries: ReadonlyMap<string, unknown>): boolean {
  const seen = new Set<string>();
  for (const path of entries.keys()) {
    for (const parent of parentsOf(path)) if (entries.has(parent) && !seen.has(parent)) return false;
    seen.add(path);
  }
  return true;
}
