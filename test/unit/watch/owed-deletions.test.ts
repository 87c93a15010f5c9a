import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { WatchedLoop } from './watched-loop.js';

const DESTINATION = '/usr/src/app';

it('what went during a build, and could not be deleted, goes with the next save', async () => {
  await using loop = new WatchedLoop();
  await loop.begin();
  loop.write('doomed.txt', 'd');
  await loop.untilEvent('batch');
  let files: Record<string, string> = { [`${DESTINATION}/doomed.txt`]: 'd' };
  loop.builder.build = async (request) => {
    await buffer(request.openContext());
    if (Object.keys(files).length > 0) loop.remove('doomed.txt');
    const image = loop.engine.addImage('app', { labels: { ...request.labels }, cmd: ['main'], files });
    return { type: 'built', imageId: image.id, builder: 'buildkit' };
  };
  await loop.andThen('done', () => loop.write('Dockerfile', 'FROM busybox\n# 2\n'));
  expect(loop.deployed('doomed.txt')).toBe('d');
  // The folder has it no more, and so no image that is built from now on.
  files = {};
  loop.write('a.txt', 'b');
  await expect.poll(() => loop.deployed('a.txt')).toBe('b');
  await expect.poll(() => loop.deployed('doomed.txt')).toBeUndefined();
});
