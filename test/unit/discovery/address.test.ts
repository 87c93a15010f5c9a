import { describe, expect, it } from 'vitest';
import { bestFirst, canonical, formatEndpoint, isUnicast } from '../../../src/discovery/address.js';

describe('addresses', () => {
  it('go into an endpoint as every tool writes them', () => {
    expect(formatEndpoint('10.0.0.5', 2375)).toBe('10.0.0.5:2375');
    expect(formatEndpoint('fe80::1%eth0', 22222)).toBe('[fe80::1%eth0]:22222');
    expect(formatEndpoint('kitchen.local', 22)).toBe('kitchen.local:22');
  });

  it('have one spelling', () => {
    expect(canonical('FD97:0:0:3:0:0:0:4')).toBe('fd97:0:0:3::4');
    expect(canonical('fd97::3:0:0:0:4')).toBe('fd97:0:0:3::4');
    expect(canonical('FE80:0::1%Eth0')).toBe('fe80::1%Eth0');
    expect(canonical('10.0.0.5')).toBe('10.0.0.5');
  });

  it('are tried in the order answered from, IPv4, IPv6, link-local, each once', () => {
    const all = ['fe80::1%eth0', 'fd97::5', '10.0.0.5', '172.17.0.1', 'fd97::5'];
    expect(bestFirst(all)).toEqual(['10.0.0.5', '172.17.0.1', 'fd97::5', 'fe80::1%eth0']);
    expect(bestFirst(all, 'fd97::5')).toEqual(['fd97::5', '10.0.0.5', '172.17.0.1', 'fe80::1%eth0']);
  });

  it.each(['10.0.0.5', '169.254.3.4', 'fd97::5', 'fe80::1%eth0', '2001:db8::1'])(
    '%s is one host',
    (address) => {
      expect(isUnicast(address)).toBe(true);
    },
  );

  it.each([
    '0.0.0.0',
    '127.0.0.1',
    '224.0.0.251',
    '255.255.255.255',
    '::',
    '::1',
    'ff02::fb',
    '::ffff:10.0.0.5',
    'x',
  ])('%s is not one host on the network', (address) => {
    expect(isUnicast(address)).toBe(false);
  });
});
