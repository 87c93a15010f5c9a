import type { Device, Sighting, TcpEngine } from '../../../src/discovery/device.js';
import type { DeviceChooser } from '../../../src/discovery/device-chooser.js';
import type { DiscoveryEvent } from '../../../src/discovery/discovery-event.js';
import type { FindDeviceDeps } from '../../../src/discovery/find-device.js';
import type { HostResolver } from '../../../src/discovery/host-resolver.js';
import type { EngineInfoAnswer, EngineInfoReader } from '../../../src/discovery/machine-identity.js';
import { FakeBrowser } from '../../contract/fake-browser.js';
import { FakeKnocker } from '../../contract/fake-knocker.js';
import { ManualClock } from './manual-clock.js';

/** A system whose hosts file is in memory. */
class FakeResolver implements HostResolver {
  readonly names = new Map<string, readonly string[]>();

  resolve(name: string): Promise<readonly string[]> {
    return Promise.resolve(this.names.get(name) ?? []);
  }
}

class FakeEngineInfo implements EngineInfoReader {
  /** By host. An engine that is not in here hangs. */
  readonly answers = new Map<string, EngineInfoAnswer>();

  async read({ host }: TcpEngine, signal: AbortSignal): Promise<EngineInfoAnswer> {
    const answer = this.answers.get(host);
    if (answer !== undefined) return answer;
    await new Promise<void>((stop) => {
      signal.addEventListener('abort', () => stop());
    });
    return { type: 'failed', failure: 'silent' };
  }
}

/** Takes notes of what it is shown, and chooses when the test says so. */
export class ScriptedChooser implements DeviceChooser {
  readonly shown: Device[] = [];
  #choose: (name: Device) => void = () => undefined;

  choose(devices: AsyncIterable<Device>): Promise<Device> {
    void this.#watch(devices);
    return new Promise((resolve) => {
      this.#choose = resolve;
    });
  }

  pick(address: string): void {
    const device = this.shown.find((shown) => shown.address === address);
    if (device === undefined) throw new Error(`${address} is not in the list`);
    this.#choose(device);
  }

  async #watch(devices: AsyncIterable<Device>): Promise<void> {
    for await (const device of devices) this.shown.push(device);
  }
}

/** Everything that discovery needs, in memory. */
export class FakeNetwork {
  readonly clock = new ManualClock();
  readonly browser = new FakeBrowser();
  readonly knocker = new FakeKnocker();
  readonly resolver = new FakeResolver();
  readonly engineInfo = new FakeEngineInfo();
  readonly events: DiscoveryEvent[] = [];
  /** Pairs of addresses that belong to one machine. */
  readonly sameMachines: (readonly [string, string])[] = [];

  /** A device that announces itself and answers as its kind does. */
  add(name: string, address: string, kind: 'development' | 'production' | 'dead' = 'development'): this {
    if (kind === 'development') {
      this.knocker.put(address, 2375, { type: 'engine', apiVersion: '1.41' });
      this.engineInfo.answers.set(address, { type: 'info', info: engineInfoOf(name) });
    }
    if (kind !== 'dead') this.knocker.put(address, 22222, { type: 'ssh' });
    this.browser.announce(sightingOf(name, address));
    return this;
  }

  deps(chooser?: DeviceChooser): FindDeviceDeps {
    const { clock, browser, knocker, resolver } = this;
    const isSameMachine = (a: Device, b: Device): Promise<boolean> =>
      Promise.resolve(this.sameMachines.some((pair) => pair.includes(a.address) && pair.includes(b.address)));
    const emit = (event: DiscoveryEvent) => void this.events.push(event);
    return { clock, browser, knocker, resolver, isSameMachine, chooser, emit };
  }
}

export const sightingOf = (name: string, address: string, part: Partial<Sighting> = {}): Sighting => ({
  name,
  host: `${name}.local`,
  addresses: [address],
  sshPort: 22222,
  resinDevice: true,
  ...part,
});

const engineInfoOf = (name: string) => ({
  id: `id of ${name}`,
  version: '20.10.24',
  architecture: 'armv7l',
  hostname: name,
  operatingSystem: 'balenaOS',
  runningContainers: 2,
});
