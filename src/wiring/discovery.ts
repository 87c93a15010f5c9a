import { networkInterfaces } from 'node:os';
import type { Device } from '../discovery/device.js';
import type { DeviceChooser } from '../discovery/device-chooser.js';
import type { Discovery } from '../discovery/discovery.js';
import type { DiscoveryEvent } from '../discovery/discovery-event.js';
import { findDevice } from '../discovery/find-device.js';
import { LazyBrowser } from '../discovery/lazy-browser.js';
import { compareMachines } from '../discovery/machine-identity.js';
import { ChildResolver } from '../discovery/os/child-resolver.js';
import { scan } from '../discovery/scan.js';
import { HttpEngineInfoReader } from '../discovery/tcp/http-engine-info.js';
import { PortKnocker } from '../discovery/tcp/port-knocker.js';
import { isInteractive, type Runtime } from '../runtime.js';
import { discoveryLine } from '../ui/discovery-line.js';

/** Discovery on the real network. The mDNS part and the list to choose from are loaded when they are needed. */
export function wireDiscovery(runtime: Runtime): Discovery {
  const { clock, env, platform } = runtime;
  const engineInfo = new HttpEngineInfoReader();
  const browser = new LazyBrowser(async () => {
    const { MulticastBrowser } = await import('../discovery/mdns/multicast-browser.js');
    return new MulticastBrowser({ networkInterfaces, platform, clock });
  });
  const search = {
    knocker: new PortKnocker(),
    clock,
    isSameMachine: compareMachines(engineInfo, { read: readHostKey }),
  };
  const resolver = new ChildResolver(env);
  return {
    findDevice: (target, emit, signal, turn = Promise.resolve()) => {
      const chooser = isInteractive(runtime) ? lazyChooser(runtime, turn) : undefined;
      const tell = (event: DiscoveryEvent): void => {
        const print = (): unknown => runtime.stderr.write(`${discoveryLine(event)}\n`);
        void turn.then(print, () => undefined);
        emit(event);
      };
      return findDevice(target, { ...search, browser, resolver, chooser, emit: tell }, signal);
    },
    scan: (options, signal) => scan(options, { ...search, browser, engineInfo }, signal),
  };
}

const lazyChooser = (runtime: Runtime, turn: Promise<unknown>): DeviceChooser => ({
  async choose(devices: AsyncIterable<Device>, signal: AbortSignal): Promise<Device> {
    await turn;
    const { DevicePicker } = await import('../ui/device-picker.js');
    return new DevicePicker(runtime).choose(devices, signal);
  },
});

/** Only asked of hosts of one name without an engine on TCP, so ssh2 is loaded for them alone. */
async function readHostKey(address: string, port: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const { readSshHostKey } = await import('../transport/ssh/read-ssh-host-key.js');
  return readSshHostKey(address, port, signal);
}
