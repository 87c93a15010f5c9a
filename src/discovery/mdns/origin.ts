import { BlockList, isIPv4 } from 'node:net';
import type { OwnAddress } from './own-address.js';
import type { Origin } from './responder.js';

/** Where a packet came from. `via` is the own address whose socket got it, which for multicast on IPv4 may be that of another interface (IP_MULTICAST_ALL). */
export function originOf(source: string, via: OwnAddress, own: readonly OwnAddress[]): Origin {
  return {
    address: source,
    zone: zoneOf(source, via, own),
    ownAddresses: new Set(own.map(({ address }) => address)),
  };
}

function zoneOf(source: string, via: OwnAddress, own: readonly OwnAddress[]): string | undefined {
  if (!isIPv4(source)) return source.split('%')[1] ?? via.zone;
  const near = own.filter((address) => isInSubnet(source, address));
  const [nearest] = near.includes(via) ? [via] : near;
  if (nearest !== undefined) return nearest.zone;
  // A host of a foreign subnet on the same cable (a device without DHCP): certain only if there is one cable.
  return new Set(own.map(({ zone }) => zone)).size === 1 ? via.zone : undefined;
}

function isInSubnet(source: string, { family, cidr }: OwnAddress): boolean {
  const [network, bits] = cidr?.split('/') ?? [];
  if (family !== 'IPv4' || network === undefined || bits === undefined) return false;
  const subnet = new BlockList();
  subnet.addSubnet(network, Number(bits), 'ipv4');
  return subnet.check(source, 'ipv4');
}
