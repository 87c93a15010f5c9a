import type { NetworkInterfaceInfo } from 'node:os';

/** One address of this machine to ask from. */
export interface OwnAddress {
  /** E.g. `eth0`. */
  readonly interfaceName: string;
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly cidr: string | undefined;
  /** What scopes IPv6 on this interface: its name, on Windows its number. */
  readonly zone: string;
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Every IPv4 address (each is the way to a subnet of its own) and one IPv6 address an interface (multicast goes by interface there),
 * of the interfaces that are up and not loopback.
 */
export function ownAddresses(interfaces: Interfaces, platform: NodeJS.Platform): OwnAddress[] {
  return Object.entries(interfaces).flatMap(([interfaceName, entries = []]) => {
    const usable = entries.filter((entry) => !entry.internal);
    const v6 = usable.filter((entry) => entry.family === 'IPv6');
    const linkLocal = v6.find((entry) => entry.address.startsWith('fe80:')) ?? v6[0];
    const chosen = [...usable.filter((entry) => entry.family === 'IPv4'), ...(linkLocal ? [linkLocal] : [])];
    return chosen.map((entry) => ({
      interfaceName,
      address: entry.address,
      family: entry.family,
      cidr: entry.cidr ?? undefined,
      zone: platform === 'win32' && entry.family === 'IPv6' ? String(entry.scopeid) : interfaceName,
    }));
  });
}
