import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { originOf } from '../../../src/discovery/mdns/origin.js';
import { type OwnAddress, ownAddresses } from '../../../src/discovery/mdns/own-address.js';

const v4 = (address: string, cidr: string, internal = false): NetworkInterfaceInfo => ({
  address,
  cidr,
  netmask: '255.255.255.0',
  mac: '02:00:00:00:00:01',
  internal,
  family: 'IPv4',
});
const v6 = (address: string, scopeid: number, internal = false): NetworkInterfaceInfo => ({
  address,
  cidr: `${address}/64`,
  netmask: 'ffff:ffff:ffff:ffff::',
  mac: '02:00:00:00:00:01',
  internal,
  family: 'IPv6',
  scopeid,
});

const laptop = {
  lo: [v4('127.0.0.1', '127.0.0.1/8', true), v6('::1', 0, true)],
  eth0: [v4('10.0.0.2', '10.0.0.2/24'), v4('10.9.0.2', '10.9.0.2/24'), v6('fd97::2', 0), v6('fe80::2', 3)],
  wlan0: [v4('192.168.1.2', '192.168.1.2/24')],
};

describe('where to ask', () => {
  it('is every IPv4 address and one IPv6 address an interface, not the loopback', () => {
    const asked = ownAddresses(laptop, 'linux').map((own) => `${own.interfaceName} ${own.address}`);
    expect(asked).toEqual(['eth0 10.0.0.2', 'eth0 10.9.0.2', 'eth0 fe80::2', 'wlan0 192.168.1.2']);
  });

  it('is scoped by name, and by number on Windows', () => {
    const zoneOn = (platform: NodeJS.Platform) =>
      ownAddresses({ eth0: [v6('fe80::2', 3)] }, platform).map(({ zone }) => zone);
    expect(zoneOn('linux')).toEqual(['eth0']);
    expect(zoneOn('win32')).toEqual(['3']);
  });
});

describe('the zone of a packet', () => {
  const own = ownAddresses(laptop, 'linux');
  const at = (address: string): OwnAddress => {
    const found = own.find((entry) => entry.address === address);
    if (found === undefined) throw new Error(`no ${address}`);
    return found;
  };

  it('is in its source address on IPv6', () => {
    expect(originOf('fe80::5%wlan0', at('fe80::2'), own).zone).toBe('wlan0');
  });

  it('is that of the subnet on IPv4, whichever socket got it', () => {
    expect(originOf('10.0.0.5', at('192.168.1.2'), own).zone).toBe('eth0');
    expect(originOf('10.9.0.5', at('10.9.0.2'), own).zone).toBe('eth0');
  });

  it('is unknown for a foreign subnet, unless there is one interface only', () => {
    expect(originOf('169.254.7.7', at('10.0.0.2'), own).zone).toBeUndefined();
    const single = [at('192.168.1.2')];
    expect(originOf('169.254.7.7', at('192.168.1.2'), single).zone).toBe('wlan0');
  });
});
