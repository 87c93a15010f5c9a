import { once } from 'node:events';
import { expect, it } from 'vitest';
import { TimeLimit } from '../../src/time-limit.js';

it('ends the work after the time', async () => {
  const overdue = new Error('it took too long');
  using limit = new TimeLimit(new AbortController().signal, 5, overdue);
  expect(limit.signal.aborted).toBe(false);
  await once(limit.signal, 'abort');
  expect(limit.signal.reason).toBe(overdue);
});

it.each(['before', 'while'])(
  'ends the work with the reason of the outer signal, aborted %s it runs',
  (when) => {
    const outer = new AbortController();
    if (when === 'before') outer.abort(new Error('Ctrl-C'));
    using limit = new TimeLimit(outer.signal, 60_000);
    outer.abort(new Error('Ctrl-C'));
    expect(limit.signal.reason).toMatchObject({ message: 'Ctrl-C' });
  },
);

it('ends nothing any more when the work is over', () => {
  const outer = new AbortController();
  const limit = new TimeLimit(outer.signal, 60_000);
  limit[Symbol.dispose]();
  outer.abort();
  expect(limit.signal.aborted).toBe(false);
});
