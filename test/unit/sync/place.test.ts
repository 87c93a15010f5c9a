import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Marks } from '../../../src/sync/deployment.js';
import { withPlace } from '../../../src/sync/place.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const linkTo = (target: string) =>
  ({ kind: 'symlink', target, mode: 0o777, uid: 0, gid: 0, mtimeMs: 0 }) as const;
const unmarked: Marks = { token: undefined, engineRun: 'run 1' };

let engine: FakeEngine;
beforeEach(() => {
  engine = new FakeEngine();
});
afterEach(() => engine[Symbol.asyncDispose]());

/** The place that is learned of `/usr/src/app`, and the questions that it took. */
async function learned(links: Readonly<Record<string, string>>, binds: string[], marks = unmarked) {
  const image = engine.addImage('app');
  for (const [path, target] of Object.entries(links)) image.files.put(path, linkTo(target));
  const id = await engine.createContainer('app', { Image: 'app', Labels: {}, HostConfig: { Binds: binds } });
  engine.calls.length = 0;
  const container = engine.container(id).describe();
  const { signal } = new AbortController();
  const { place } = await withPlace(marks, { engine, container, destination: '/usr/src/app', signal });
  return { place, questions: engine.calls.map((call) => call.split(' ').at(-1)) };
}

describe('where a destination is', () => {
  it.each([
    ['no link', {}, '/usr/src/app'],
    ['a link', { '/usr/src/app': '../../data' }, '/data'],
    ['a link above it', { '/usr/src': '/srv' }, '/srv/app'],
    ['links to links', { '/usr': '/sys', '/sys/src': '../opt', '/opt/app': 'real' }, '/opt/real'],
    ['a link to what is not there yet', { '/usr/src/app': '/not/yet' }, '/not/yet'],
  ])('is asked of a container that has a mount: %s', async (_, links, place) => {
    expect((await learned(links, ['v:/data'])).place).toBe(place);
  });

  it('is asked at once for all folders that lead to it', async () => {
    const { questions } = await learned({}, ['v:/data']);
    expect(questions).toEqual(['/usr', '/usr/src', '/usr/src/app']);
  });

  it('is not asked where nothing is mounted, or where the token has told it', async () => {
    expect(await learned({ '/usr/src': '/srv' }, [])).toEqual({ place: undefined, questions: [] });
    const marks = { ...unmarked, token: 'v1.1', place: '/srv/app' };
    await engine.removeContainer('app', { removeAnonymousVolumes: true });
    expect(await learned({}, ['v:/data'], marks)).toEqual({ place: '/srv/app', questions: [] });
  });
});
