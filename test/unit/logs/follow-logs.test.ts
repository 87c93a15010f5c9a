import { expect, it } from 'vitest';
import { followLogs } from '../../../src/logs/follow-logs.js';
import type { LogEvent } from '../../../src/logs/log-event.js';
import type { LogView } from '../../../src/logs/log-view.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { content, type LogLine } from '../../../src/logs/log-line.js';
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

async function following(test: (engine: FakeEngine, view: Recorder) => Promise<void>): Promise<Recorder> {
  const engine = new FakeEngine();
  engine.addImage(IMAGE);
  const view = new Recorder();
  const over = new AbortController();
  const clock = {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    sleep: () => new Promise<void>((resolve) => setImmediate(resolve)),
  };
  await start(engine);
  const range = { tail: undefined, since: undefined, until: undefined };
  // The fake of one device: a new connection leads to the same one.
  const lasting = Object.assign(Object.create(engine) as FakeEngine, {
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  const followed = { engine: lasting, connect: () => Promise.resolve(lasting), range, grep: undefined };
  const done = followLogs(['app'], followed, { clock, view, signal: over.signal });
  await test(engine, view);
  over.abort(new Error('enough'));
  await done;
  return view;
}

async function start(engine: FakeEngine): Promise<void> {
  await engine.createContainer('app', { Image: IMAGE, Labels: {}, HostConfig: {} });
  await engine.startContainer('app');
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
