import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/discovery/device.js';
import { RdtError } from '../../../src/errors.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import { MovingDevice } from '../../../src/watch/moving-device.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const never = new AbortController().signal;

const at = (address: string, name = 'kitchen'): Device => ({
  name,
  address,
  addresses: [address],
  kind: 'development',
  engine: undefined,
  sshPort: 22_222,
});

class OtherEngine extends FakeEngine {
  override async info() {
    return { ...(await super.info()), id: 'another' };
  }
}

function moving(
  found: Device | RdtError,
  { name = 'kitchen', target = undefined as string | undefined } = {},
) {
  const searched: string[] = [];
  const device = new MovingDevice(at('10.0.0.5', name), {
    target,
    clock: { monotonicMs: () => 100_000, wallMs: () => 0, sleep: () => Promise.resolve() },
    signal: never,
    findDevice: (wanted) => {
      searched.push(wanted);
      return found instanceof RdtError ? Promise.reject(found) : Promise.resolve(found);
    },
  });
  return { device, searched };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a device that is away', () => {
  it('is looked for under its name after a while, and tried where it was found', async () => {
    const { device, searched } = moving(at('10.0.0.9'));
    device.search(4_000);
    expect(searched).toEqual([]);
    device.search(6_000);
    device.search(7_000);
    await nextTurn();
    expect(searched).toEqual(['kitchen']);
    expect(device.next.address).toBe('10.0.0.9');
    expect(device.now.address).toBe('10.0.0.5');
  });

  it('is not looked for when the user gave an address', () => {
    const { device, searched } = moving(at('10.0.0.9'), { name: '10.0.0.5', target: '10.0.0.5' });
    device.search(60_000);
    expect(searched).toEqual([]);
  });

  it('stays where it was when it is not found', async () => {
    const { device } = moving(new RdtError('no device'));
    device.search(6_000);
    await nextTurn();
    expect(device.next.address).toBe('10.0.0.5');
  });

  it('is known by its engine, and taken at its new address', async () => {
    const { device } = moving(at('10.0.0.9'));
    const engine = new FakeEngine();
    device.learn(engine);
    device.search(6_000);
    await nextTurn();
    expect(await device.isAt(device.next, engine, never)).toBe(true);
    expect(device.now.address).toBe('10.0.0.9');
  });

  it('is not taken for another one of that name', async () => {
    const { device } = moving(at('10.0.0.9'));
    device.learn(new FakeEngine());
    device.search(6_000);
    await nextTurn();
    expect(await device.isAt(device.next, new OtherEngine(), never)).toBe(false);
    expect(device.next.address).toBe('10.0.0.5');
  });

  it('is waited for at its first address as long as its engine is not known', async () => {
    const { device } = moving(at('10.0.0.9'));
    const engine = new FakeEngine();
    engine.failNext('info', connectionCut('the device'));
    device.learn(engine);
    device.search(6_000);
    await nextTurn();
    expect(await device.isAt(device.next, engine, never)).toBe(false);
    expect(await device.isAt(device.next, engine, never)).toBe(true);
    expect(device.now.address).toBe('10.0.0.5');
  });
});
