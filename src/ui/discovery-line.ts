import type { DiscoveryEvent } from '../discovery/discovery-event.js';

/** One line for stderr. */
export function discoveryLine(event: DiscoveryEvent): string {
  switch (event.type) {
    case 'searching':
      return `Looking for devices, up to ${event.limitMs / 1000} s ...`;
    case 'device-selected': {
      const { name, address } = event.device;
      return event.reason === 'only'
        ? `Using ${name} (${address}), the only device in this network.`
        : `Using ${name} (${address}).`;
    }
  }
}
