import { expect, it } from 'vitest';
import type { Device } from '../../../src/discovery/device.js';
import type { Clock } from '../../../src/runtime.js';
import { systemClock } from '../../../src/system-clock.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { WatchedLoop } from './watched-loop.js';

const HASTE = 10;
const hasty: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs() * HASTE,
  sleep: (ms, signal) => systemClock.sleep(ms / HASTE, signal),
};

class OtherEngine extends FakeEngine {
  override async info() {
    return { ...(await super.info()), id: 'another' };
  }
}

/** A watch of `kitchen`, which is away once its first build has failed; then another device answers to the name. Until that one is left again, or built on. */
async function whileAway(loop: WatchedLoop, other: FakeEngine): Promise<void> {
  const tried: string[] = [];
  let hasGone = false;
  let left = (): void => undefined;
  const hasLeft = new Promise<void>((resolve) => (left = resolve));
  loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n');
  loop.watch('kitchen', (deps) => ({
    clock: hasty,
    findDevice: async (...words): Promise<Device> => {
      const device = { ...(await deps.findDevice(...words)), name: 'kitchen' };
      return hasGone ? { ...device, address: '10.0.0.9' } : device;
    },
    connect: async (device) => {
      if (tried.at(-1) === '10.0.0.9') left();
      tried.push(device.address);
      const connection = await deps.connect(device);
      return device.address === '10.0.0.9' ? { ...connection, engine: other } : connection;
    },
  }));
  await loop.untilEvent('build-failed');
  hasGone = true;
  await loop.andThen('device-lost', () => loop.engine.disconnect());
  await Promise.race([hasLeft, loop.untilEvent('build-failed', loop.events.length)]);
}

it.each([
  ['is known', false],
  ['could not be asked for', true],
])(
  'another device of the name is left alone when the first build has failed, and the engine %s',
  async (_, isSilent) => {
    await using loop = new WatchedLoop();
    if (isSilent) loop.engine.info = () => new Promise(() => undefined);
    const other = new OtherEngine();
    await whileAway(loop, other);
    expect(other.calls.filter((call) => !['ping', 'info'].includes(call))).toEqual([]);
  },
);
