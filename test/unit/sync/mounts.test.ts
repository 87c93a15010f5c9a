import { describe, expect, it } from 'vitest';
import { pathsOnSharedMounts, seenFrom, splitByMount, tmpfsHolding } from '../../../src/sync/mounts.js';
import type { Container } from '../../../src/transport/engine.js';

const containerWith = (
  mounts: Readonly<Record<string, string>>,
  tmpfs: readonly string[] = [],
): Container => {
  const all = Object.entries(mounts).map(([destination, source]) => ({
    destination,
    source,
    writable: true,
  }));
  return { mounts: all, tmpfs } as unknown as Container;
};
const pointsOf = ({ mounts, tmpfs }: Container) => ({
  mounts: Object.fromEntries(mounts.map(({ destination, source }) => [destination, source])),
  tmpfs,
});

describe('mounts, seen from a destination that links lead to,', () => {
  it.each([
    ['below it', { '/srv/app/data': 'v' }, { '/app/data': 'v' }],
    ['just there', { '/srv/app': 'v' }, { '/app': 'v' }],
    ['that hold it are met with the part that it is', { '/srv': 'v' }, { '/app': 'v/app' }],
    [
      'that are named as the destination is',
      { '/app/data': 'v', '/app': 'w' },
      { '/app/data': 'v', '/app': 'w' },
    ],
    ['elsewhere', { '/srv/apple': 'v', '/data': 'w' }, { '/srv/apple': 'v', '/data': 'w' }],
    ['in one another', { '/srv': 'v', '/srv/app': 'w' }, { '/srv': 'v', '/app': 'w' }],
  ])('%s', (_, mounts: Record<string, string>, seen: Record<string, string>) => {
    expect(pointsOf(seenFrom(containerWith(mounts), '/app', '/srv/app'))).toEqual({
      mounts: seen,
      tmpfs: [],
    });
  });

  it('are a tmpfs as well, which may hold the volume or lie on it', () => {
    const within = seenFrom(containerWith({ '/srv': 'v' }, ['/srv/app/tmp']), '/app', '/srv/app');
    expect(tmpfsHolding(['tmp/x'], within, '/app')).toBe('/app/tmp');
    expect(tmpfsHolding(['x'], within, '/app')).toBeUndefined();
    const above = seenFrom(containerWith({ '/srv/app': 'v' }, ['/srv']), '/app', '/srv/app');
    expect(tmpfsHolding(['x'], above, '/app')).toBeUndefined();
    const around = seenFrom(containerWith({ '/srv': 'v' }, ['/srv/app']), '/app', '/srv/app');
    expect(tmpfsHolding(['x'], around, '/app')).toBe('/app');
  });

  it('are as the engine tells them where no link leads to it, and where nobody knows', () => {
    const container = containerWith({ '/app/data': 'v' });
    expect(seenFrom(container, '/app', '/app')).toBe(container);
    expect(seenFrom(container, '/app', undefined)).toBe(container);
  });

  it('split what is sent to it', () => {
    const container = seenFrom(containerWith({ '/srv/app/data': 'v' }), '/app', '/srv/app');
    expect(splitByMount(['data/x', 'y', 'data'], container, '/app')).toEqual([
      { below: 'data', uploads: ['x'] },
      { below: '', uploads: ['y', 'data'] },
    ]);
  });

  it('keep what an earlier container left there, whether that had the link or not', () => {
    const linked = seenFrom(containerWith({ '/data': 'v' }), '/app', '/data/app');
    const plain = containerWith({ '/app': 'v/app' });
    const other = seenFrom(containerWith({ '/data': 'v' }), '/app', '/data/old');
    const sent = ['x'];
    expect([...pathsOnSharedMounts(sent, linked, linked, '/app')]).toEqual(['x']);
    expect([...pathsOnSharedMounts(sent, linked, plain, '/app')]).toEqual(['x']);
    expect([...pathsOnSharedMounts(sent, linked, other, '/app')]).toEqual([]);
  });
});
