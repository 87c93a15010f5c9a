import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/system-clock.js';
import { WatchedLoop } from './watched-loop.js';

const LONG_MS = 30_000;
/** What a minute takes in these tests. */
const MINUTE_MS = 700;

afterEach(() => vi.restoreAllMocks());

/** The look of once a minute comes sooner; everything else takes its time. */
function shortMinutes(): void {
  const real = systemClock.sleep.bind(systemClock);
  vi.spyOn(systemClock, 'sleep').mockImplementation((ms, signal) =>
    real(ms >= LONG_MS ? MINUTE_MS : ms, signal),
  );
}

/** Builds that take longer than a minute, however quickly they fail or succeed otherwise. */
function slowBuilds(loop: WatchedLoop, ms: number): { finished: () => number } {
  const { builder } = loop;
  const build = builder.build.bind(builder);
  let finished = 0;
  builder.build = async (request, emit, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
    finished++;
    return build(request, emit, signal);
  };
  return { finished: () => finished };
}

describe('a build that takes longer than a minute, while nobody saves anything,', () => {
  it('comes to its end after one that failed', async () => {
    shortMinutes();
    await using loop = new WatchedLoop();
    await loop.begin();
    await loop.andThen('build-failed', () => loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n'));
    slowBuilds(loop, 2 * MINUTE_MS);
    const after = loop.events.length;
    loop.write('Dockerfile', 'FROM busybox\nRUN echo mended\n');
    await sleep(6 * MINUTE_MS);
    const kinds = loop.events
      .slice(after)
      .flatMap((event) => (event.type === 'decision' ? [event.decision.action] : []));
    // Mended, and so built once.
    expect(loop.events.slice(after).map(({ type }) => type)).toContain('done');
    expect(kinds).toEqual(['build']);
  }, 20_000);

  it('is not repeated when it fails', async () => {
    shortMinutes();
    await using loop = new WatchedLoop();
    await loop.begin();
    const builds = slowBuilds(loop, 1.5 * MINUTE_MS);
    const after = loop.events.length;
    await loop.andThen('build-failed', () => loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n'));
    await sleep(6 * MINUTE_MS);
    const begun = loop.events.slice(after).filter((event) => event.type === 'decision').length;
    expect({ begun, finished: builds.finished() }).toEqual({ begun: 1, finished: 1 });
  }, 20_000);
});

it('a broken build without an old app waits for a change, and is not begun each minute', async () => {
  shortMinutes();
  await using loop = new WatchedLoop();
  await loop.begin();
  await loop.andThen('build-failed', () => loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n'));
  await loop.andThen('build-failed', () =>
    loop.engine.removeContainer('app', { removeAnonymousVolumes: false }),
  );
  await sleep(300);
  const builds = loop.builder.requests.length;
  await sleep(6 * MINUTE_MS);
  expect(loop.builder.requests.length - builds).toBe(0);
}, 20_000);
