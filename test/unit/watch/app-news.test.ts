import { expect, it } from 'vitest';
import { newsBetween } from '../../../src/watch/app-news.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import type { Container } from '../../../src/transport/engine.js';

const engine = new FakeEngine();
engine.addImage('app');
const id = await engine.createContainer('app', { Image: 'app', Labels: {}, HostConfig: {} });
await engine.startContainer(id);
const running = engine.container(id).describe();

const withState = (state: Partial<Container['state']>): Container => ({
  ...running,
  state: { ...running.state, ...state },
});
const LATER = '2099-01-01T00:00:00Z';

it.each([
  ['nothing', running, undefined],
  ['an end', withState({ running: false, exitCode: 3 }), { kind: 'exited', exitCode: 3, restarts: false }],
  [
    'an end that the engine is about to answer with a start',
    withState({ restarting: true, exitCode: 3 }),
    { kind: 'exited', exitCode: 3, restarts: true },
  ],
  [
    'an end that the engine has answered with a start',
    withState({ startedAt: LATER, restartCount: 1 }),
    { kind: 'exited', exitCode: 0, restarts: true },
  ],
  ['a restart by somebody', withState({ startedAt: LATER }), { kind: 'restarted' }],
  ['a pause', withState({ paused: true }), { kind: 'paused' }],
  ['another container', { ...running, id: 'other' }, { kind: 'replaced' }],
  ['no container', undefined, { kind: 'removed' }],
] as const)('sees %s', (_, now, news) => {
  expect(newsBetween(running, now, undefined)).toEqual(news);
});

it('knows the exit code of an app that runs again already', () => {
  const again = withState({ startedAt: LATER, restartCount: 1 });
  expect(newsBetween(running, again, 7)).toMatchObject({ kind: 'exited', exitCode: 7 });
});

it.each([
  ['when it was seen between end and start', 1],
  ['when it crashed once more meanwhile', 2],
])('says nothing more of an app that crashes again and again, %s', (_, restartCount) => {
  const crashed = withState({ restarting: true, restartCount: 1 });
  expect(newsBetween(crashed, withState({ startedAt: LATER, restartCount }), 7)).toBeUndefined();
});

it('sees that somebody restarts an app that waits for the engine to do it', () => {
  const crashed = withState({ restarting: true, restartCount: 1 });
  const started = withState({ startedAt: LATER, restartCount: 0 });
  expect(newsBetween(crashed, started, undefined)).toEqual({ kind: 'restarted' });
});
