import { expect, it } from 'vitest';
import { parseListing } from '../../../src/sync/verify.js';
import { file, link, tree } from './trees.js';

it('believes a container nothing of paths that it was not asked for', () => {
  const listing =
    's a1ff 1 2020-01-01 00:00:00 ./l\n' +
    's 81a4 1 2020-01-01 00:00:00 ./a\n' +
    `${'0'.repeat(64)}  ./a\n` +
    'l ./l\nsomewhere\ns 81a4 1 2020-01-01 00:00:00 ./../data/precious\n.\n';
  const local = tree({ a: file('x'), l: link('to') });
  const found = parseListing(listing, local, (name) => (local.has(name) ? name : undefined));
  expect([...found.keys()]).toEqual(['l', 'a']);
});
