import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventually } from '../../testbed/eventually.js';
import { WatchedLoop } from './watched-loop.js';

/** `rdt push --watch` with `before: npm run build`, which writes into the folder, on a project whose Dockerfile is broken. */
function beginBroken(loop: WatchedLoop): void {
  loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n');
  loop.given = { before: 'echo made > made.txt' };
  loop.beforeReading = () => (loop.triggers = new Map());
  const { builder } = loop;
  const build = builder.build.bind(builder);
  builder.build = async (request, emit, signal) => {
    await sleep(400, undefined, signal === undefined ? {} : { signal });
    return build(request, emit, signal);
  };
  void loop.begin().catch(() => undefined);
}

it('a first build that fails is not begun again and again because of what the before command writes', async () => {
  await using loop = new WatchedLoop();
  beginBroken(loop);
  await sleep(6_000);
  const count = (type: string) => loop.events.filter((event) => event.type === type).length;
  // The first one, and once more for what was saved meanwhile.
  expect({ hooks: count('hook'), builds: count('decision') }).toEqual({ hooks: 1, builds: 2 });
}, 20_000);

it('and what mends the Dockerfile is built', async () => {
  await using loop = new WatchedLoop();
  beginBroken(loop);
  const hasFailed = (): boolean => loop.events.some(({ type }) => type === 'build-failed');
  await eventually(hasFailed, { what: 'a build that failed', withinMs: 5_000 });
  const after = loop.events.length;
  loop.write('Dockerfile', 'FROM busybox\n');
  await loop.untilEvent('done', after);
  expect(loop.events.slice(after).map(({ type }) => type)).toContain('done');
}, 20_000);
