import { expect, it } from 'vitest';
import { ExitCode, RdtError } from '../../../src/errors.js';
import { content } from '../../../src/logs/log-line.js';
import { AppLog } from '../../../src/watch/app-log.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { at } from '../logs/lines.js';

it('shows each line once when another host had the address of the device for a while', async () => {
  await using engine = new FakeEngine();
  engine.addImage('app:latest');
  await engine.createContainer('app', { Image: 'app:latest', Labels: {}, HostConfig: {} });
  await engine.startContainer('app');
  const lasting = Object.assign(Object.create(engine) as FakeEngine, {
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  const texts: string[] = [];
  let isOther = false;
  let refusals = 0;
  const connect = (): Promise<FakeEngine> => {
    if (!isOther) return Promise.resolve(lasting);
    refusals += 1;
    return Promise.reject(new RdtError('the host key has changed', { exitCode: ExitCode.auth }));
  };
  const clock = {
    monotonicMs: () => 0,
    wallMs: () => Date.now(),
    sleep: () => new Promise<void>((resolve) => setImmediate(resolve)),
  };
  const show: ConstructorParameters<typeof AppLog>[0]['show'] = (lines) => {
    texts.push(...lines.map((line) => content(line).toString()));
    return Promise.resolve();
  };
  await using log = new AppLog({ app: 'app', connect, clock, signal: new AbortController().signal, show });
  log.begin(undefined);
  engine.container('app').log('stdout', 'one\n', at(1));
  engine.container('app').log('stdout', 'two\n', at(2));
  await expect.poll(() => texts).toEqual(['one', 'two']);
  isOther = true;
  engine.disconnect();
  await expect.poll(() => refusals).toBeGreaterThan(2);
  engine.reconnect();
  engine.container('app').log('stderr', 'three\n', at(3));
  isOther = false;
  await expect.poll(() => texts).toContain('three');
  expect(texts).toEqual(['one', 'two', 'three']);
});
