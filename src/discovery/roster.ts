import { bestFirst } from './address.js';
import type { Sighting } from './device.js';

/** What a sighting adds to what is known. */
export type RosterChange =
  | { readonly type: 'new'; readonly host: RosterHost }
  | { readonly type: 'grown'; readonly host: RosterHost; readonly newAddresses: readonly string[] }
  | { readonly type: 'known' };

export interface RosterHost {
  /** Tells hosts of one name apart. */
  readonly id: number;
  sighting: Sighting;
}

/**
 * Knows which sightings are the same host: those of one name (instance or host name) that have an address in common.
 * A name alone says nothing (default hostnames collide), and neither does an address (every laptop with Docker has 172.17.0.1).
 */
export class Roster {
  readonly #hosts: RosterHost[] = [];

  add(sighting: Sighting): RosterChange {
    const host = this.#hosts.find((known) => isSameHost(known.sighting, sighting));
    if (host === undefined) {
      const added: RosterHost = { id: this.#hosts.length, sighting };
      this.#hosts.push(added);
      return { type: 'new', host: added };
    }
    const newAddresses = sighting.addresses.filter((address) => !host.sighting.addresses.includes(address));
    const merged = merge(host.sighting, sighting, newAddresses);
    if (newAddresses.length === 0 && saysTheSame(merged, host.sighting)) return { type: 'known' };
    host.sighting = merged;
    return { type: 'grown', host, newAddresses };
  }
}

function isSameHost(a: Sighting, b: Sighting): boolean {
  return (
    (sameName(a.name, b.name) || sameName(a.host, b.host)) &&
    a.addresses.some((address) => b.addresses.includes(address))
  );
}

/** DNS names are compared without regard to case (RFC 6762, 16). */
const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

const saysTheSame = (a: Sighting, b: Sighting): boolean =>
  a.name === b.name && a.sshPort === b.sshPort && a.resinDevice === b.resinDevice;

/** An announced service knows more than a host name, a device more than a plain service. */
function merge(known: Sighting, seen: Sighting, newAddresses: readonly string[]): Sighting {
  const weight = (sighting: Sighting) => (sighting.resinDevice ? 2 : sighting.sshPort === undefined ? 0 : 1);
  const better = weight(seen) > weight(known) ? seen : known;
  return { ...better, addresses: bestFirst([...known.addresses, ...newAddresses]) };
}
