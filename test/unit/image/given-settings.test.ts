import { resolve } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parseConfigureOptions } from '../../../src/commands/configure-flags.js';
import { addConfigureOptions } from '../../../src/commands/configure-options.js';
import { type GivenSettings, mergeGiven } from '../../../src/image/given-settings.js';
import { readGivenYaml } from '../../../src/image/given-yaml.js';
import { parseYaml } from '../../../src/project/yaml/parse-yaml.js';

function fromFlags(...args: string[]): GivenSettings {
  let flags: Record<string, unknown> = {};
  const command = addConfigureOptions(
    new Command().exitOverride().configureOutput({ writeErr: () => undefined }),
  );
  command
    .action((parsed: Record<string, unknown>) => {
      flags = parsed;
    })
    .parse(args, { from: 'user' });
  return parseConfigureOptions(flags, '/home/me');
}

function fromYaml(text: string): { given: GivenSettings; messages: string[] } {
  const parsed = parseYaml(text);
  if (!parsed.ok) throw parsed.cause;
  const { given, problems } = readGivenYaml(parsed.data, '/etc/fleet');
  return { given, messages: problems.map(({ message }) => message) };
}

const EVERYTHING: GivenSettings = {
  hostname: 'kitchen',
  persistentLogging: true,
  developerMode: false,
  country: 'DE',
  ntp: ['0.pool.ntp.org', '10.0.0.1'],
  dns: ['1.1.1.1'],
  sshKeys: [{ kind: 'file', path: resolve('/etc/fleet/id.pub') }],
  wifi: {
    ssid: Buffer.from('Café 2'),
    key: { kind: 'text', text: '0123456789' },
    hidden: true,
    security: 'wpa-eap',
    identity: 'me',
    anonymousIdentity: 'anon',
    eapMethod: 'ttls',
    phase2: 'pap',
    caFile: resolve('/etc/ca.pem'),
    priority: -5,
  },
  address: { staticIp: { family: 'ipv4', address: '10.0.0.2/24' }, gateway: '10.0.0.1' },
  connections: [resolve('/etc/fleet/office')],
  set: [
    { path: ['os', 'network', 'connectivity', 'uri'], json: '""' },
    { path: ['deviceId'], json: '12345678901234567890' },
  ],
  unset: [['os', 'fan'], ['udev.rules']],
};

describe('every setting', () => {
  it('can be given on the command line', () => {
    expect(
      fromFlags(
        ...['--hostname', 'kitchen', '--persistent-logging', '--no-developer-mode', '--country', 'de'],
        ...[
          '--ntp',
          '0.pool.ntp.org',
          '--ntp',
          '10.0.0.1',
          '--dns',
          '1.1.1.1',
          '--ssh-key',
          '/etc/fleet/id.pub',
        ],
        ...[
          '--wifi-ssid',
          'Café 2',
          '--wifi-key',
          '0123456789',
          '--wifi-hidden',
          '--wifi-security',
          'wpa-eap',
        ],
        ...['--wifi-identity', 'me', '--wifi-anonymous-identity', 'anon', '--wifi-eap-method', 'ttls'],
        ...['--wifi-phase2', 'pap', '--wifi-ca-file', '/etc/ca.pem', '--wifi-priority', '-5'],
        ...['--static-ip', '10.0.0.2/24', '--gateway', '10.0.0.1', '--connection', '/etc/fleet/office'],
        ...['--set', 'os.network.connectivity.uri=""', '--set', 'deviceId=12345678901234567890'],
        ...['--unset', 'os.fan', '--unset', '"udev.rules"'],
      ),
    ).toEqual(EVERYTHING);
  });

  it('can be given in a file, with paths from where it lies', () => {
    const { given, messages } = fromYaml(`
hostname: kitchen
persistent-logging: true
developer-mode: false
country: DE
ntp: [0.pool.ntp.org, 10.0.0.1]
dns: 1.1.1.1
ssh-key: id.pub
wifi-ssid: Café 2
wifi-key: 0123456789
wifi-hidden: true
wifi-security: wpa-eap
wifi-identity: me
wifi-anonymous-identity: anon
wifi-eap-method: ttls
wifi-phase2: pap
wifi-ca-file: /etc/ca.pem
wifi-priority: -5
static-ip: 10.0.0.2/24
gateway: 10.0.0.1
connection: [office]
set:
  os.network.connectivity.uri: ""
  deviceId: 12345678901234567890
unset: [os.fan, '"udev.rules"']
`);
    expect(messages).toEqual([]);
    expect(given).toEqual(EVERYTHING);
  });

  it('is missing when it was not given', () => {
    expect(fromFlags()).toEqual({});
    expect(fromYaml('')).toEqual({ given: {}, messages: [] });
  });
});

describe('a file', () => {
  it('lists several networks, each with addresses of its own', () => {
    const { given, messages } = fromYaml(`
networks:
  - ssid: home
    key-file: key.txt
    static-ip: 192.168.1.4/24
    dns: [192.168.1.1]
  - ssid-hex: 42fc726f
    security: open
    hidden: true
ethernet: { static-ip: auto }
`);
    expect(messages).toEqual([]);
    expect(given).toEqual({
      networks: [
        {
          ssid: Buffer.from('home'),
          key: { kind: 'file', path: resolve('/etc/fleet/key.txt') },
          staticIp: { family: 'ipv4', address: '192.168.1.4/24' },
          dns: ['192.168.1.1'],
        },
        { ssid: Buffer.from('42fc726f', 'hex'), security: 'open', hidden: true },
      ],
      ethernet: { staticIp: 'auto' },
    });
  });

  it('keeps the numbers, lists and maps of `set`', () => {
    expect(fromYaml('set: { a: 1.10, b: [true, null, "x"], c: { d: 0x10 } }').given.set).toEqual([
      { path: ['a'], json: '1.10' },
      { path: ['b'], json: '[true,null,"x"]' },
      { path: ['c'], json: '{"d":16}' },
    ]);
  });

  it.each([
    ['- a list', 'the file must be a map of settings, and is a list'],
    ['hostnam: x', 'hostnam is not a setting; did you mean hostname?'],
    ['hostname: [x]', 'hostname must be a text, and is a list'],
    ['hostname: bad_name', 'hostname must be 1 to 64 letters'],
    ['persistent-logging: "yes"', 'persistent-logging must be true or false'],
    ['networks: { ssid: x }', 'networks must be a list of networks'],
    ['networks: [{ key: x }]', 'item 1 of networks has no ssid'],
    ['networks: [{ ssid: x, wifi-key: y }]', 'wifi-key is not a setting'],
    ['networks: []\nwifi-ssid: x', 'networks cannot stand beside wifi-... keys'],
    ['constructor: x', 'constructor is not a setting; there are hostname, country'],
    ['ntp: [a b]', 'item 1 of ntp must be a host name or an IP address'],
    ['set: [a]', 'set must be a map of keys of config.json'],
    ['set: { a: .nan }', 'a is too large, or holds a number that JSON does not know'],
    [
      `a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nset: {x: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]}`,
      'x is too large',
    ],
  ])('%j is refused', (text, message) => {
    expect(fromYaml(text).messages.join('\n')).toContain(message);
  });
});

describe('an option', () => {
  it.each([
    [['--hostname', '-bad'], '--hostname must be 1 to 64 letters'],
    [['--hostname', 'a'.repeat(64)], '--hostname must be 1 to 64 letters'],
    [['--hostname', ''], '--hostname must be'],
    [['--country', 'XX'], '--country must be a country code'],
    [['--wifi-ssid', 'x'.repeat(33)], '--wifi-ssid must have 1 to 32 bytes, and has 33'],
    [['--wifi-ssid', 'ü'.repeat(17)], '--wifi-ssid must have 1 to 32 bytes, and has 34'],
    [['--wifi-ssid', ''], '--wifi-ssid must have'],
    [['--wifi-ssid-hex', 'abc'], '--wifi-ssid-hex must be 1 to 32 bytes in hexadecimal'],
    [['--wifi-security', 'wep'], '--wifi-security must be one of open, wpa-psk, sae, wpa-eap'],
    [['--wifi-priority', '1000'], '--wifi-priority must be a whole number'],
    [['--static-ip', '10.0.0.2'], '--static-ip must be an address with its prefix length'],
    [['--static-ip', '10.0.0.2/33'], '--static-ip must be'],
    [['--static-ip', 'fe80::1%eth0/64'], '--static-ip must be'],
    [['--gateway', '10.0.0.256'], '--gateway must be an IP address'],
    [['--dns', 'one.one'], '--dns must be an IP address'],
    [['--ntp', '10.0.0.256'], '--ntp must be a host name or an IP address'],
    [['--set', 'hostname=kitchen'], '--set must be a JSON value'],
    [['--set', 'novalue'], '--set must be a JSON value'],
    [['--set', 'a..b=1'], '--set must be a key'],
    [['--unset', 'a b'], '--unset must be a key'],
    [['--wifi-key', 'x', '--wifi-key-stdin'], '--wifi-key and --wifi-key-stdin exclude each other'],
    [['--wifi-ssid', 'x', '--wifi-ssid-hex', '00'], '--wifi-ssid and --wifi-ssid-hex exclude each other'],
  ])('%j is refused', (args, message) => expect(() => fromFlags(...args)).toThrow(message));

  it('`--set` may have "=" in its value and, in quotes, in its key', () => {
    expect(fromFlags('--set', 'os.udevRules."a=b.c"="x=y"').set).toEqual([
      { path: ['os', 'udevRules', 'a=b.c'], json: '"x=y"' },
    ]);
  });
});

describe('the command line over a file', () => {
  it('wins key by key, and a list replaces a list', () => {
    const file = fromYaml(
      'hostname: a\ncountry: DE\ndns: [1.1.1.1]\nwifi-ssid: x\nwifi-key: from the file',
    ).given;
    expect(mergeGiven(file, fromFlags('--hostname', 'b', '--dns', '9.9.9.9', '--wifi-ssid', 'y'))).toEqual({
      hostname: 'b',
      country: 'DE',
      dns: ['9.9.9.9'],
      wifi: { ssid: Buffer.from('y'), key: { kind: 'text', text: 'from the file' } },
    });
  });

  it('wins also over the free keys of a file, whatever it calls them', () => {
    const file = fromYaml('set: { hostname: a, os.sshKeys: [], x: 1 }\nunset: [country, y]').given;
    expect(mergeGiven(file, fromFlags('--hostname', 'b', '--set', 'country="DE"'))).toEqual({
      hostname: 'b',
      set: [
        { path: ['os', 'sshKeys'], json: '[]' },
        { path: ['x'], json: '1' },
        { path: ['country'], json: '"DE"' },
      ],
      unset: [['y']],
    });
    expect(mergeGiven(file, fromFlags('--unset', 'x'))).toMatchObject({
      set: [{ path: ['hostname'] }, { path: ['os', 'sshKeys'] }],
      unset: [['x']],
    });
  });

  it('cannot change a network of a list', () => {
    const file = fromYaml('networks: [{ ssid: x, security: open }]').given;
    expect(() => mergeGiven(file, fromFlags('--wifi-hidden'))).toThrow('cannot be combined');
  });
});
