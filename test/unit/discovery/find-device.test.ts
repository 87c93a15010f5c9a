import { beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../../src/discovery/device.js';
import type { DeviceChooser } from '../../../src/discovery/device-chooser.js';
import { findDevice } from '../../../src/discovery/find-device.js';
import { ExitCode, RdtError } from '../../../src/errors.js';
import { FakeNetwork, ScriptedChooser, sightingOf } from './network.js';

let network: FakeNetwork;
beforeEach(() => {
  network = new FakeNetwork();
});

/** A search under way; `outcome` is what it has come to so far. */
class Finding {
  outcome: Device | RdtError | undefined;
  readonly controller = new AbortController();
  reason: unknown;

  constructor(target?: string, chooser?: DeviceChooser) {
    findDevice(target, network.deps(chooser), this.controller.signal).then(
      (device) => (this.outcome = device),
      (error: unknown) => (this.outcome = error as RdtError),
    );
  }

  async after(ms: number): Promise<Device | RdtError | undefined> {
    await network.clock.advance(ms);
    return this.outcome;
  }

  /** What the user reads after this time: exit code, message and hint. */
  async textAfter(ms: number): Promise<string> {
    const outcome = await this.after(ms);
    return outcome instanceof RdtError
      ? `exit ${outcome.exitCode}: ${outcome.message}\n${outcome.hint ?? ''}`
      : 'no error';
  }
}

describe('without a name', () => {
  it('uses the only device, and says which one', async () => {
    network.add('kitchen', '10.0.0.5');
    expect(await new Finding().after(700)).toMatchObject({ name: 'kitchen', address: '10.0.0.5' });
    expect(network.events).toContainEqual(
      expect.objectContaining({ type: 'device-selected', reason: 'only' }),
    );
  });

  it('does not decide before a second one could have answered', async () => {
    network.add('kitchen', '10.0.0.5');
    const finding = new Finding();
    expect(await finding.after(600)).toBeUndefined();
    network.add('bath', '10.0.0.6');
    expect(await finding.after(100)).toMatchObject({ exitCode: ExitCode.noDevice });
  });

  it('lists several devices when there is nobody to choose', async () => {
    network.add('kitchen', '10.0.0.5').add('bath', '10.0.0.6', 'production');
    const text = await new Finding().textAfter(700);
    expect(text).toMatch(/^exit 3: Found 2 devices/);
    expect(text).toContain('kitchen  10.0.0.5  development');
    expect(text).toContain('bath  10.0.0.6  production');
  });

  it('takes two devices of one name for two', async () => {
    network.add('resin', '10.0.0.5').add('resin', '10.0.0.6');
    expect(await new Finding().textAfter(700)).toMatch(/10\.0\.0\.5[^]*10\.0\.0\.6/);
  });

  it('takes one device with a cable and wifi for one', async () => {
    network.sameMachines.push(['10.0.0.5', '10.0.0.6']);
    network.add('kitchen', '10.0.0.5').add('kitchen', '10.0.0.6');
    expect(await new Finding().after(700)).toMatchObject({ name: 'kitchen' });
  });

  it('waits for a device that announced itself and hangs, rather than take the other one for the only one', async () => {
    network.add('kitchen', '10.0.0.5').add('bath', '10.0.0.6', 'production');
    network.knocker.put('10.0.0.6', 2375, { type: 'hangs' });
    const finding = new Finding();
    expect(await finding.after(1999)).toBeUndefined();
    expect(await finding.after(1)).toMatchObject({ exitCode: ExitCode.noDevice });
  });

  it('uses the one that answers when the other one answers nothing', async () => {
    network.add('kitchen', '10.0.0.5').add('bath', '10.0.0.6', 'dead');
    expect(await new Finding().after(700)).toMatchObject({ name: 'kitchen' });
  });

  it('ignores hosts that are not devices', async () => {
    network.add('kitchen', '10.0.0.5');
    network.browser.announce(sightingOf('nas', '10.0.0.9', { resinDevice: false, sshPort: 22 }));
    expect(await new Finding().after(700)).toMatchObject({ name: 'kitchen' });
  });

  it('waits up to 5 s for a first device', async () => {
    const finding = new Finding();
    expect(await finding.after(4900)).toBeUndefined();
    network.add('kitchen', '10.0.0.5');
    expect(await finding.after(0)).toMatchObject({ name: 'kitchen' });
  });

  it('gives up within 3 s when the only device that announced itself is dead', async () => {
    network.add('kitchen', '10.0.0.5', 'dead');
    expect(await new Finding().textAfter(2999)).toContain('kitchen');
  });

  it('says that it is looking when nobody answers for a second', async () => {
    const finding = new Finding();
    await finding.after(999);
    expect(network.events).toEqual([]);
    await finding.after(1);
    expect(network.events).toEqual([{ type: 'searching', limitMs: 5000 }]);
  });

  it('says after 5 s where and how long it looked', async () => {
    const error = await new Finding().after(5000);
    expect(error).toMatchObject({
      exitCode: ExitCode.noDevice,
      message: 'Found no device: nobody answered within 5 s on eth0 (10.0.0.2).',
      hint: expect.stringContaining('push, ssh and logs take its address') as string,
    });
  });

  it('does not wait when there is no interface to ask on, and says which ones failed', async () => {
    network.browser.interfaces = [{ name: 'tun0', address: '10.8.0.2', failure: 'ENETUNREACH' }];
    const text = await new Finding().textAfter(700);
    expect(text).toMatch(/^exit 3: .*no network interface could be asked/);
    expect(text).toContain('tun0 (10.8.0.2: ENETUNREACH)');
  });

  it('says of the only device that it announced itself but cannot be reached, and why', async () => {
    network.add('kitchen', '10.0.0.5', 'dead');
    expect(await new Finding().after(5000)).toMatchObject({
      exitCode: ExitCode.unreachable,
      message: 'Cannot reach kitchen: connection refused (ports 2375, 2377, 22222).',
    });
  });

  it('tries a silent device again when another address of it becomes known', async () => {
    const finding = new Finding();
    network.browser.announce(sightingOf('kitchen', 'fd97::5'));
    await finding.after(1000);
    network.knocker.put('10.0.0.5', 2375, { type: 'engine' });
    network.browser.announce(sightingOf('kitchen', 'fd97::5', { addresses: ['10.0.0.5', 'fd97::5'] }));
    expect(await finding.after(0)).toMatchObject({ address: '10.0.0.5' });
  });

  it('waits a moment for the IPv4 address of a device that answered over IPv6 first', async () => {
    network.knocker.put('fe80::1%eth0', 2375, { type: 'engine' }).put('10.0.0.5', 2375, { type: 'engine' });
    const finding = new Finding();
    network.browser.announce(sightingOf('kitchen', 'fe80::1%eth0'));
    await finding.after(20);
    network.browser.announce(sightingOf('kitchen', '', { addresses: ['10.0.0.5', 'fe80::1%eth0'] }));
    expect(await finding.after(700)).toMatchObject({ address: '10.0.0.5' });
  });

  it('uses a device that has IPv6 only', async () => {
    network.knocker.put('fe80::1%eth0', 2375, { type: 'engine' });
    network.browser.announce(sightingOf('kitchen', 'fe80::1%eth0'));
    expect(await new Finding().after(700)).toMatchObject({ address: 'fe80::1%eth0' });
  });

  it('rejects with the reason of the signal when it is interrupted', async () => {
    const finding = new Finding();
    await finding.after(100);
    const reason = new Error('interrupted by SIGINT');
    finding.controller.abort(reason);
    expect(await finding.after(0)).toBe(reason);
  });
});

describe('with a person to choose', () => {
  it('opens the list when a second device answers, and adds those that come later', async () => {
    const chooser = new ScriptedChooser();
    network.add('kitchen', '10.0.0.5').add('bath', '10.0.0.6');
    const finding = new Finding(undefined, chooser);
    await finding.after(0);
    expect(chooser.shown.map(({ name }) => name)).toEqual(['kitchen', 'bath']);
    network.add('cellar', '10.0.0.7');
    await finding.after(0);
    expect(chooser.shown.map(({ name }) => name)).toEqual(['kitchen', 'bath', 'cellar']);
    chooser.pick('10.0.0.7');
    expect(await finding.after(0)).toMatchObject({ name: 'cellar' });
    expect(network.events).toContainEqual(
      expect.objectContaining({ type: 'device-selected', reason: 'chosen' }),
    );
  });

  it('asks nobody when there is one device', async () => {
    network.add('kitchen', '10.0.0.5');
    const chooser = new ScriptedChooser();
    expect(await new Finding(undefined, chooser).after(700)).toMatchObject({ name: 'kitchen' });
    expect(chooser.shown).toEqual([]);
  });
});

describe('with an address', () => {
  it('asks only there, and not the network', async () => {
    network.add('kitchen', '10.0.0.5').add('bath', '10.0.0.6');
    expect(await new Finding('10.0.0.6').after(0)).toMatchObject({ name: '10.0.0.6', address: '10.0.0.6' });
    expect(network.browser.questions).toEqual([]);
  });

  it('finds a plain Docker host by ssh on port 22', async () => {
    network.knocker.put('10.0.0.9', 22, { type: 'ssh' });
    expect(await new Finding('10.0.0.9').after(0)).toMatchObject({ kind: 'production', sshPort: 22 });
  });

  it('asks at the named port only, for both', async () => {
    network.knocker.put('10.0.0.9', 4000, { type: 'engine' });
    const device = await new Finding('10.0.0.9:4000').after(0);
    expect(device).toMatchObject({ engine: { port: 4000 }, sshPort: 22222 });
    expect(new Set(network.knocker.knocks)).toEqual(new Set(['10.0.0.9:4000']));
  });

  it('keeps the user of ssh:// and does not try the engine', async () => {
    network.add('kitchen', '10.0.0.5');
    const device = await new Finding('ssh://pi@10.0.0.5').after(0);
    expect(device).toMatchObject({ engine: undefined, sshPort: 22222, sshUser: 'pi' });
  });

  it.each([
    ['fails', 'refused', 0, 'connection refused (ports 22, 2375, 2377, 22222)'],
    ['fails', 'no-route', 0, 'no route to the host (ports 22, 2375, 2377, 22222)'],
    ['fails', 'reset', 0, 'the connection was cut (ports 22, 2375, 2377, 22222)'],
    ['drops', 'timeout', 2000, 'no answer within 2 s (ports 22, 2375, 2377, 22222)'],
    ['hangs', 'silent', 2000, 'connections are accepted, but nothing is said (ports 22, 2375, 2377, 22222)'],
  ] as const)('says of a dead address why: %s %s', async (type, failure, ms, reason) => {
    for (const port of [22, 2375, 2377, 22222]) network.knocker.put('10.0.0.9', port, { type, failure });
    expect(await new Finding('10.0.0.9').after(ms)).toMatchObject({
      exitCode: ExitCode.unreachable,
      message: `Cannot reach 10.0.0.9: ${reason}.`,
    });
  });

  it('refuses what cannot be an address', async () => {
    expect(await new Finding('10.0.0.256').after(0)).toMatchObject({ exitCode: ExitCode.usage });
  });
});

describe('with a name', () => {
  it('finds a device by the name that it announces', async () => {
    network.add('kitchen', '10.0.0.5').add('bath', '10.0.0.6');
    expect(await new Finding('Bath').after(300)).toMatchObject({ name: 'Bath', address: '10.0.0.6' });
  });

  it('finds a device by its .local name that the system cannot resolve', async () => {
    network.add('kitchen', '10.0.0.5');
    expect(await new Finding('kitchen.local').after(300)).toMatchObject({ address: '10.0.0.5' });
  });

  it('finds a host that announces no service by its .local name', async () => {
    network.browser.announce(sightingOf('pi', '10.0.0.9', { sshPort: undefined, resinDevice: false }));
    network.knocker.put('10.0.0.9', 22, { type: 'ssh' });
    expect(await new Finding('pi').after(300)).toMatchObject({ address: '10.0.0.9', sshPort: 22 });
  });

  it('finds a host that only the system knows', async () => {
    network.resolver.names.set('pi.example.org', ['10.0.0.9']);
    network.knocker.put('10.0.0.9', 2375, { type: 'engine' });
    expect(await new Finding('pi.example.org').after(0)).toMatchObject({ address: '10.0.0.9' });
  });

  it('takes a host that mDNS and the system know by one address for one', async () => {
    network.resolver.names.set('kitchen.local', ['10.0.0.5']);
    network.add('kitchen', '10.0.0.5');
    expect(await new Finding('kitchen.local').after(300)).toMatchObject({ address: '10.0.0.5' });
  });

  it('tries the ports that were named with the name', async () => {
    network.add('kitchen', '10.0.0.5');
    network.knocker.put('10.0.0.5', 4000, { type: 'engine' });
    expect(await new Finding('kitchen:4000').after(300)).toMatchObject({ engine: { port: 4000 } });
  });

  it('lists the addresses of several devices of that name', async () => {
    network.add('resin', '10.0.0.5').add('resin', '10.0.0.6').add('bath', '10.0.0.7');
    const text = await new Finding('resin').textAfter(300);
    expect(text).toMatch(/^exit 3: Found 2 devices named resin;[^]*10\.0\.0\.5[^]*10\.0\.0\.6/);
    expect(text).not.toContain('10.0.0.7');
  });

  it('lets a person choose between several of that name', async () => {
    const chooser = new ScriptedChooser();
    network.add('resin', '10.0.0.5').add('resin', '10.0.0.6');
    const finding = new Finding('resin.local', chooser);
    await finding.after(0);
    chooser.pick('10.0.0.6');
    expect(await finding.after(0)).toMatchObject({ address: '10.0.0.6' });
  });

  it('says after 2 s that the name is unknown', async () => {
    const text = await new Finding('kitchen').textAfter(2000);
    expect(text).toMatch(/^exit 4: Cannot reach kitchen: the name is unknown/);
  });

  it('says why a known name cannot be reached, when no further address of it came to light', async () => {
    network.add('kitchen', '10.0.0.5', 'dead');
    const finding = new Finding('kitchen');
    expect(await finding.after(1100)).toBeUndefined();
    expect(await finding.textAfter(100)).toMatch(/^exit 4: .*connection refused/);
  });

  it('takes the address that comes to light after another one was silent', async () => {
    network.browser.announce(sightingOf('kitchen', 'fd97::5'));
    const finding = new Finding('kitchen');
    await finding.after(500);
    network.knocker.put('10.0.0.5', 2375, { type: 'engine' });
    network.browser.announce(sightingOf('kitchen', '', { addresses: ['10.0.0.5', 'fd97::5'] }));
    expect(await finding.after(0)).toMatchObject({ address: '10.0.0.5' });
  });

  it('needs less than 3 s even for a name that is found late and hangs', async () => {
    for (const port of [22222, 2375, 2377]) network.knocker.put('10.0.0.5', port, { type: 'drops' });
    const finding = new Finding('kitchen');
    await finding.after(1900);
    network.add('kitchen', '10.0.0.5', 'dead');
    expect(await finding.after(600)).toBeUndefined();
    expect(await finding.after(100)).toMatchObject({ exitCode: ExitCode.unreachable });
  });
});
