import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { WatchedLoop } from './watched-loop.js';

const DESTINATION = '/usr/src/app';

it('what went during a build, and could not be deleted, is left to the next push, whatever is saved before', async () => {
  await using loop = new WatchedLoop();
  await loop.begin();
  loop.write('doomed.txt', 'd');
  await loop.untilEvent('batch');
  loop.builder.build = async (request) => {
    await buffer(request.openContext());
    loop.remove('doomed.txt');
    const files = { [`${DESTINATION}/doomed.txt`]: 'd', [`${DESTINATION}/a.txt`]: 'a' };
    const image = loop.engine.addImage('app', { labels: { ...request.labels }, cmd: ['main'], files });
    return { type: 'built', imageId: image.id, builder: 'buildkit' };
  };
  await loop.andThen('done', () => loop.write('Dockerfile', 'FROM busybox\n# 2\n'));
  await loop.andThen('batch', () => loop.write('a.txt', 'b'));
  await loop.end();
  expect([loop.deployed('doomed.txt'), loop.deployed('a.txt')]).toEqual(['d', 'b']);
  const noted = await loop.store.load(loop.engine.container('app').id);
  expect(noted?.begun).toEqual([{ path: 'doomed.txt', kind: 'file' }]);
});
