import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { WatchedLoop } from './watched-loop.js';

const DESTINATION = '/usr/src/app';

it('what went while an image without a shell was built is taken away by another build, with the next save', async () => {
  await using loop = new WatchedLoop();
  await loop.begin();
  loop.write('doomed.txt', 'd');
  await loop.untilEvent('batch');
  let contents: Record<string, string> = { [`${DESTINATION}/doomed.txt`]: 'd' };
  let duringBuild = (): void => loop.remove('doomed.txt');
  loop.builder.build = async (request) => {
    await buffer(request.openContext());
    duringBuild();
    const image = loop.engine.addImage('app', {
      labels: { ...request.labels },
      cmd: ['main'],
      files: contents,
    });
    image.files.remove('/bin/sh');
    return { type: 'built', imageId: image.id, builder: 'buildkit' };
  };
  await loop.andThen('done', () => loop.write('Dockerfile', 'FROM scratch\n'));
  expect(loop.deployed('doomed.txt')).toBe('d');
  contents = {};
  duringBuild = () => undefined;
  await loop.andThen('done', () => loop.write('a.txt', 'b'));
  expect([loop.deployed('doomed.txt'), loop.deployed('a.txt')]).toEqual([undefined, 'b']);
  await loop.andThen('batch', () => loop.write('a.txt', 'c'));
  await loop.end();
});
