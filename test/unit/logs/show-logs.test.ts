import { expect, it } from 'vitest';
import type { Device } from '../../../src/discovery/device.js';
import type { WantedApps } from '../../../src/logs/choose-apps.js';
import type { LogEvent } from '../../../src/logs/log-event.js';
import { content } from '../../../src/logs/log-line.js';
import { showLogs } from '../../../src/logs/show-logs.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { at } from './lines.js';

/** Texts and events of a device with an app and a container whose log driver only writes. */
async function shown(apps: WantedApps, gone?: string): Promise<{ texts: string[]; events: LogEvent[] }> {
  const engine = new FakeEngine();
  engine.addImage('app:latest');
  for (const name of ['app', 'quiet'])
    await engine.createContainer(name, { Image: 'app:latest', Labels: {}, HostConfig: {} });
  engine.container('app').log('stdout', 'one\n', at(1));
  engine.container('quiet').hasReadableLog = false;
  const list = engine.listContainers.bind(engine);
  engine.listContainers = async (...asked) => {
    const listed = await list(...asked);
    if (gone !== undefined) await engine.removeContainer(gone, { removeAnonymousVolumes: false });
    return listed;
  };
  const texts: string[] = [];
  const events: LogEvent[] = [];
  const range = { tail: undefined, since: undefined, until: undefined, grep: undefined };
  await showLogs(
    { target: undefined, apps, follow: false, ...range },
    {
      findDevice: () => Promise.resolve({ name: 'kitchen' } as Device),
      connect: () => Promise.resolve(engine),
      projectApp: () => Promise.resolve(undefined),
      chooser: undefined,
      clock: { monotonicMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() },
      view: {
        needsTimes: false,
        begin: () => undefined,
        show: (lines) => Promise.resolve(void texts.push(...lines.map((line) => content(line).toString()))),
        note: (event) => void events.push(event),
      },
      signal: new AbortController().signal,
    },
  );
  return { texts, events };
}

it('a log that cannot be read is left out of all of them, and told of', async () => {
  expect(await shown({ kind: 'all' })).toEqual({
    texts: ['one'],
    events: [{ type: 'unreadable', app: 'quiet' }],
  });
});

it('a log is left out of all of them whose container goes at that moment', async () => {
  expect(await shown({ kind: 'all' }, 'quiet')).toEqual({ texts: ['one'], events: [] });
  await expect(shown({ kind: 'named', names: ['quiet'] }, 'quiet')).rejects.toThrow('No such container');
});

it('a log that cannot be read is a failure when it was asked for', async () => {
  await expect(shown({ kind: 'named', names: ['app', 'quiet'] })).rejects.toThrow('does not support reading');
});
