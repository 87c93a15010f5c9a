import { expect, it } from 'vitest';
import { RestlessPaths } from '../../../src/watch/restless-paths.js';

/** What is found by batches of these paths, one each `everyMs`. */
function foundBy(batches: number, everyMs: number, paths: readonly string[] = ['app.log']): string[] {
  const restless = new RestlessPaths();
  return Array.from({ length: batches }, (_, at) => restless.hear(paths, at * everyMs)).flat();
}

it('finds a file that comes fifteen times within twenty seconds, once', () => {
  expect(foundBy(14, 1_000)).toEqual([]);
  expect(foundBy(15, 1_000)).toEqual(['app.log']);
  expect(foundBy(100, 200)).toEqual(['app.log']);
});

it('finds none that is saved by hand', () => {
  expect(foundBy(1_000, 2_000)).toEqual([]);
});

it('finds two that take turns', () => {
  const restless = new RestlessPaths();
  const found = Array.from({ length: 40 }, (_, at) => restless.hear([at % 2 === 0 ? 'a' : 'b'], at * 500));
  expect(found.flat()).toEqual(['a', 'b']);
});

it('finds none in a checkout, nor in what is built', () => {
  const many = Array.from({ length: 11 }, (_, at) => `built/${at}.js`);
  expect(foundBy(100, 200, many)).toEqual([]);
});
