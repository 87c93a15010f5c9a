import { beforeEach, describe, expect, it } from 'vitest';
import { type Followed, followLogs } from '../../../src/logs/follow-logs.js';
import type { LogEvent } from '../../../src/logs/log-event.js';
import { content, type LogLine } from '../../../src/logs/log-line.js';
import type { LogView } from '../../../src/logs/log-view.js';
import type { Engine } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { at } from './lines.js';

const IMAGE = 'app:latest';

/** Keeps what it is shown, and says when a text is among it. */
class Recorder implements LogView {
  readonly needsTimes = false;
  readonly texts: string[] = [];
  readonly events: LogEvent['type'][] = [];

  begin(): void {
    // It knows the device.
  }

  show(lines: readonly LogLine[]): Promise<void> {
    this.texts.push(...lines.map((line) => content(line).toString()));
    return Promise.resolve();
  }

  note(event: LogEvent): void {
    this.events.push(event.type);
  }

  async until(text: string): Promise<void> {
    await expect.poll(() => this.texts, { timeout: 5_000, interval: 5 }).toContain(text);
  }
}

async function following(
  test: (engine: FakeEngine, view: Recorder) => Promise<void>,
  others: Pick<Followed, 'joining'> = {},
): Promise<Recorder> {
  const engine = new FakeEngine();
  engine.addImage(IMAGE);
  const view = new Recorder();
  const over = new AbortController();
  let nowMs = 0;
  const clock = {
    monotonicMs: () => nowMs,
    wallMs: () => Date.now(),
    sleep: (ms: number) => {
      nowMs += ms;
      return new Promise<void>((resolve) => setImmediate(resolve));
    },
  };
  await start(engine);
  const range = { tail: undefined, since: undefined, until: undefined };
  // The fake of one device: a new connection leads to the same one.
  const lasting = Object.assign(Object.create(engine) as FakeEngine, {
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  const connect = () => Promise.resolve(lasting);
  const followed = { engine: lasting, connect, range, grep: undefined, ...others };
  const done = followLogs(['app'], followed, { clock, view, signal: over.signal });
  await test(engine, view);
  over.abort(new Error('enough'));
  await done;
  return view;
}

async function start(engine: FakeEngine, name = 'app'): Promise<void> {
  await engine.createContainer(name, { Image: IMAGE, Labels: {}, HostConfig: {} });
  await engine.startContainer(name);
}

it('shows each line once when the connection is cut, and tells of it once', async () => {
  const view = await following(async (engine, shown) => {
    engine.container('app').log('stdout', 'one\n', at(1));
    engine.container('app').log('stdout', 'two\n', at(1));
    await shown.until('two');
    engine.disconnect();
    engine.container('app').log('stderr', 'three\n', at(1));
    engine.container('app').log('stdout', 'four\n', at(1));
    await expect.poll(() => shown.events).toEqual(['connection-lost']);
    engine.reconnect();
    await shown.until('four');
  });
  expect(view.texts).toEqual(['one', 'two', 'three', 'four']);
  expect(view.events).toEqual(['connection-lost']);
});

it('goes on when the engine says in the log that it cannot read it', async () => {
  const view = await following(async (engine, shown) => {
    engine.container('app').log('stdout', 'one\n', at(1));
    await shown.until('one');
    engine.container('app').log('stderr', ' grabbing logs: unexpected EOF\n', 'Error');
    await expect.poll(() => shown.texts.length).toBe(2);
    await engine.killContainer('app', 'SIGKILL');
    await engine.startContainer('app');
    engine.container('app').log('stdout', 'two\n', at(2));
    await shown.until('two');
  });
  expect(view.texts).toEqual(['one', 'Error  grabbing logs: unexpected EOF', 'two']);
});

it('goes on with a restarted container, and with a new one of its name', async () => {
  const view = await following(async (engine, shown) => {
    engine.container('app').log('stdout', 'one\n', at(1));
    await shown.until('one');
    await engine.killContainer('app', 'SIGKILL');
    await engine.startContainer('app');
    engine.container('app').log('stdout', 'two\n', at(2));
    await shown.until('two');
    await engine.removeContainer('app', { removeAnonymousVolumes: false });
    await start(engine);
    engine.container('app').log('stdout', 'other\n', at(3));
    await shown.until('other');
  });
  expect(view.texts).toEqual(['one', 'two', 'other']);
  expect(view.events.at(-1)).toBe('recreated');
});

describe('when all containers are followed', () => {
  const joined: (readonly string[])[] = [];
  const joining = {
    names: async (engine: Engine) => (await engine.listContainers({ all: true })).map(({ name }) => name),
    onJoin: (names: readonly string[]) => void joined.push(names),
  };
  beforeEach(() => {
    joined.length = 0;
  });

  it('shows one that comes later from its beginning, and tells of it once', async () => {
    const view = await following(
      async (engine, shown) => {
        engine.container('app').log('stdout', 'one\n', at(1));
        await shown.until('one');
        await start(engine, 'late');
        engine.container('late').log('stdout', 'hello\n', at(2));
        engine.container('late').log('stderr', 'again\n', at(3));
        await shown.until('again');
        engine.container('app').log('stdout', 'two\n', at(4));
        await shown.until('two');
      },
      { joining },
    );
    expect(view.texts).toEqual(['one', 'hello', 'again', 'two']);
    expect(view.events).toEqual(['joined']);
    expect(joined).toEqual([['app', 'late']]);
  });

  it('leaves out one whose log cannot be read, and tells of it once', async () => {
    const view = await following(
      async (engine, shown) => {
        engine.container('app').log('stdout', 'one\n', at(1));
        await shown.until('one');
        await engine.createContainer('quiet', { Image: IMAGE, Labels: {}, HostConfig: {} });
        engine.container('quiet').hasReadableLog = false;
        await engine.startContainer('quiet');
        await expect.poll(() => shown.events).toContain('unreadable');
        engine.container('app').log('stdout', 'two\n', at(2));
        await shown.until('two');
        expect(await callsIn100Turns(engine, /^logEntries /)).toBe(0);
      },
      { joining },
    );
    expect(view.texts).toEqual(['one', 'two']);
    expect(view.events).toEqual(['joined', 'unreadable']);
  });

  it('says nothing of those that had stopped before, only of what happens from now on', async () => {
    const view = await following(
      async (engine, shown) => {
        await start(engine, 'old');
        await engine.killContainer('old', 'SIGKILL');
        await expect.poll(() => callsIn100Turns(engine, /^inspectContainer old$/)).toBeGreaterThan(30);
        expect(shown.events).toEqual(['joined']);
        await engine.startContainer('old');
        engine.container('old').log('stdout', 'again\n', at(2));
        await shown.until('again');
        await engine.killContainer('old', 'SIGKILL');
        await expect.poll(() => shown.events).toContain('stopped');
      },
      { joining },
    );
    expect(view.events).toEqual(['joined', 'restarted', 'stopped']);
  });

  it('lets go of one that is removed, and goes on with a new one of its name', async () => {
    const view = await following(
      async (engine, shown) => {
        await start(engine, 'brief');
        engine.container('brief').log('stdout', 'first\n', at(1));
        await shown.until('first');
        await engine.removeContainer('brief', { removeAnonymousVolumes: false });
        await expect.poll(() => shown.events, { timeout: 5_000 }).toContain('removed');
        await expect.poll(() => callsIn100Turns(engine, /^inspectContainer brief$/)).toBe(0);
        await start(engine, 'brief');
        engine.container('brief').log('stdout', 'second\n', at(2));
        await shown.until('second');
      },
      { joining },
    );
    expect(view.texts).toEqual(['first', 'second']);
    expect(view.events).toEqual(['joined', 'removed', 'recreated']);
  });
});

async function callsIn100Turns(engine: FakeEngine, call: RegExp): Promise<number> {
  const before = engine.calls.length;
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  return engine.calls.slice(before).filter((made) => call.test(made)).length;
}
