import fc from 'fast-check';
import { beforeAll, expect, vi } from 'vitest';
import { Keyfile } from '../../../src/image/keyfile.js';
import { withEthernet, withWifi } from '../../../src/image/keyfile-profile.js';
import { decodeSsid, encodeSsid, escapeString, unescapeString } from '../../../src/image/keyfile-values.js';
import type { WifiSettings } from '../../../src/image/network-settings.js';
import { type ReadProfile, readWithNetworkManager } from './medium/network-manager.js';
import { NETWORK_MANAGER, withPrograms } from './medium/with-programs.js';

const { describe, it } = withPrograms(...NETWORK_MANAGER);
// The programs of Debian that judge here wait for a processor like everybody.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

function profile(settings: WifiSettings, before = ''): string {
  return withWifi(Keyfile.parse(before, 'resin-wifi'), settings, 'resin-wifi').toString();
}

const HOME: WifiSettings = { ssid: Buffer.from('home'), key: 'correct horse' };
const hex = (text: string): string => Buffer.from(text).toString('hex');

function readOne(text: string): ReadProfile {
  const [read] = readWithNetworkManager([text]);
  if (read === undefined) throw new Error('no answer');
  return read;
}

const AWKWARD_KEYS = {
  'only digits': '0123456789',
  'looks like a number': '0xdeadbeef',
  'semicolon inside': 'pass;word',
  'semicolon at the end': 'password;',
  'a list of bytes': '49;50;51;52;',
  'equals sign': 'pass=word',
  'double quotes': '"quoted"',
  'one quote': "it's a key",
  'leading space': ' leading space',
  'leading spaces and tab-like': '   three',
  'trailing space': 'trailing  ',
  'only spaces': '        ',
  backslash: 'back\\slash',
  'backslash and letter': 'C:\\new\\table\\s',
  'backslash at the end': 'ends with\\',
  'hash first': '#comment?',
  'brackets first': '[section]',
  'percent and dollar': '%d$HOME`id`',
  umlauts: 'pässwörter',
  'emoji and CJK': '密码🔑密码',
  'sixty-three characters': 'x'.repeat(63),
  'sixty-four hex digits': '0123456789abcdef'.repeat(4),
};

const AWKWARD_SSIDS: Readonly<Record<string, Buffer>> = {
  plain: Buffer.from('home'),
  digits: Buffer.from('12345'),
  'a list of bytes': Buffer.from('1;2;3;'),
  'one semicolon': Buffer.from(';'),
  'backslash before semicolon': Buffer.from('a\\;b'),
  backslashes: Buffer.from('\\\\s\\n'),
  'leading and trailing space': Buffer.from('  home  '),
  'only a space': Buffer.from(' '),
  quotes: Buffer.from('"My" \'Net\''),
  hash: Buffer.from('#1 net'),
  brackets: Buffer.from('[wifi]'),
  equals: Buffer.from('a=b'),
  umlauts: Buffer.from('Büro'),
  emoji: Buffer.from('📶 Café'),
  'Latin-1, not UTF-8': Buffer.from('B\u00fcro', 'latin1'),
  'zero bytes': Buffer.from([0, 1, 0, 255]),
  'line break': Buffer.from('two\nlines'),
  tab: Buffer.from('\ttab'),
  'carriage return': Buffer.from('end\r'),
  'thirty-two bytes': Buffer.alloc(32, 0x7e),
};

describe('NetworkManager reads back, byte for byte,', () => {
  const keys = Object.entries(AWKWARD_KEYS);
  let readKeys: ReadProfile[] = [];
  beforeAll(() => {
    readKeys = readWithNetworkManager(keys.map(([, key]) => profile({ ssid: Buffer.from('home'), key })));
  });
  it.each(keys.map(([name, key], index) => ({ name, key, index })))('a key with $name', ({ key, index }) => {
    expect(readKeys[index]).toMatchObject({ keyManagement: 'wpa-psk', psk: hex(key), warnings: [] });
  });

  const ssids = Object.entries(AWKWARD_SSIDS);
  let readSsids: ReadProfile[] = [];
  beforeAll(() => {
    readSsids = readWithNetworkManager(ssids.map(([, ssid]) => profile({ ssid, key: 'correct horse' })));
  });
  it.each(ssids.map(([name, ssid], index) => ({ name, ssid, index })))(
    'an SSID: $name',
    ({ ssid, index }) => {
      expect(readSsids[index]).toMatchObject({ ssid: ssid.toString('hex'), warnings: [] });
    },
  );

  it('any key and any SSID', () => {
    const awkward = fc.string({
      unit: fc.constantFrom(...Array.from(' \t\\;=#"[]sntr0159éß密🔑')),
      minLength: 8,
      maxLength: 15,
    });
    const keyOf = fc.oneof(fc.string({ unit: 'grapheme', minLength: 8, maxLength: 15 }), awkward);
    const ssidOf = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
      fc
        .string({ unit: fc.constantFrom(...Array.from(' \\;=1259sn#"')), minLength: 1, maxLength: 32 })
        .map((text) => Buffer.from(text)),
    );
    const samples = fc
      .sample(fc.record({ key: keyOf, ssid: ssidOf }), 2000)
      .filter(({ key }) => Buffer.byteLength(key) <= 63 && !/[\p{Cc}\p{Cs}]/u.test(key));
    expect(samples.length).toBeGreaterThan(1000);
    const read = readWithNetworkManager(samples.map((sample) => profile(sample)));
    for (const [index, { key, ssid }] of samples.entries()) {
      expect(read[index]).toMatchObject({ psk: hex(key), ssid: ssid.toString('hex') });
    }
  });

  it('open, SAE and enterprise networks', () => {
    const ca = Buffer.from('3003020101', 'hex');
    const texts = [
      profile({ ssid: Buffer.from('café'), security: 'open' }),
      profile({ ...HOME, security: 'sae', hidden: true, priority: 7 }),
      profile({ ...HOME, eap: { identity: ' me@work;\\', caCertificate: ca, anonymousIdentity: 'anon' } }),
      profile({ ...HOME, security: 'wpa-eap', eap: { method: 'ttls', identity: 'me', phase2: 'pap' } }),
    ];
    const [open, sae, peap, ttls] = readWithNetworkManager(texts);
    expect(open).toMatchObject({
      ssid: hex('café'),
      keyManagement: null,
      psk: null,
      eap: null,
      hidden: false,
    });
    expect(sae).toMatchObject({ keyManagement: 'sae', psk: hex('correct horse'), hidden: true, priority: 7 });
    expect(peap).toMatchObject({
      keyManagement: 'wpa-eap',
      eap: {
        method: 'peap',
        identity: hex(' me@work;\\'),
        password: hex('correct horse'),
        phase2: 'mschapv2',
        ca: ca.toString('hex'),
      },
    });
    expect(ttls).toMatchObject({ eap: { method: 'ttls', phase2: 'pap' } });
  });

  it('static addresses of both families, and automatic ones', () => {
    const v4 = {
      kind: 'static',
      family: 'ipv4',
      address: '192.168.1.4/24',
      gateway: '192.168.1.1',
      dns: ['1.1.1.1', '9.9.9.9'],
    } as const;
    const v6 = {
      kind: 'static',
      family: 'ipv6',
      address: 'fd00::4/64',
      gateway: undefined,
      dns: ['fd00::1'],
    } as const;
    const both = profile({ address: v6 }, profile({ ...HOME, address: v4 }));
    expect(readOne(both)).toMatchObject({
      ipv4: {
        method: 'manual',
        addresses: ['192.168.1.4/24'],
        gateway: '192.168.1.1',
        dns: ['1.1.1.1', '9.9.9.9'],
      },
      ipv6: { method: 'manual', addresses: ['fd00::4/64'], gateway: null, dns: ['fd00::1'] },
    });
    expect(readOne(profile({ address: { kind: 'automatic' } }, both))).toMatchObject({
      ipv4: { method: 'auto', addresses: [], dns: [] },
      ipv6: { method: 'auto', addresses: [], dns: [] },
    });
    const wired = withEthernet(Keyfile.empty(), v4, 'resin-ethernet');
    expect(readOne(wired.toString())).toMatchObject({ type: '802-3-ethernet', ipv4: { method: 'manual' } });
  });
});

describe('a Wi-Fi profile', () => {
  it('has every section of the sample that the images ship', () => {
    expect(profile({ ...HOME, hidden: true })).toBe(
      [
        '[connection]',
        'id=resin-wifi',
        'type=wifi',
        '',
        '[wifi]',
        'hidden=true',
        'mode=infrastructure',
        'ssid=home',
        '',
        '[wifi-security]',
        'auth-alg=open',
        'key-mgmt=wpa-psk',
        'psk=correct horse',
        '',
        '[ipv4]',
        'method=auto',
        '',
        '[ipv6]',
        'addr-gen-mode=stable-privacy',
        'method=auto',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['wpa-psk', HOME],
    ['open', { ssid: Buffer.from('x'), security: 'open' }],
    ['enterprise', { ...HOME, eap: { identity: 'me' } }],
    [
      'static',
      {
        ...HOME,
        address: {
          kind: 'static',
          family: 'ipv4',
          address: '10.0.0.2/8',
          gateway: '10.0.0.1',
          dns: ['10.0.0.1'],
        },
      },
    ],
  ] as const)('is the same after the same settings again: %s', (_, settings) => {
    const once = profile(settings);
    expect(profile(settings, once)).toBe(once);
  });

  const edited = [
    '# my own words',
    '[connection]',
    'id=My home',
    'type=802-11-wireless',
    'uuid=2815492f-7e56-435e-b2e9-246bd7cdc664',
    '',
    '[802-11-wireless]',
    'mac-address-randomization=1',
    'ssid=home',
    '',
    '[802-11-wireless-security]',
    'key-mgmt=wpa-psk',
    'psk=old secret',
    '',
    '[ipv4]',
    'method=auto',
    'route1=10.0.0.0/8,192.168.1.1',
    '',
  ].join('\n');

  it('keeps what a person wrote into it', () => {
    const changed = profile({ key: 'new secret' }, edited);
    expect(changed).toContain('psk=new secret\n');
    for (const line of edited.split('\n').filter((text) => !text.startsWith('psk='))) {
      expect(changed.split('\n')).toContain(line);
    }
    expect(readOne(changed)).toMatchObject({ id: 'My home', psk: hex('new secret') });
  });

  it('leaves security alone when only something else changes', () => {
    expect(profile({ hidden: true }, edited)).toContain('psk=old secret');
    const open = profile({ ssid: Buffer.from('x'), security: 'open' });
    expect(profile({ hidden: true }, open)).not.toContain('key-mgmt');
  });

  it('forgets the old key with the old network', () => {
    expect(() => profile({ ssid: Buffer.from('cafe') }, edited)).toThrow('the Wi-Fi network has no key');
    expect(profile({ ssid: Buffer.from('cafe'), security: 'open' }, edited)).not.toContain('old secret');
  });

  it('begins anew for another network, so that no address of the old one stays', () => {
    const address = {
      kind: 'static',
      family: 'ipv4',
      address: '10.0.0.2/8',
      gateway: undefined,
      dns: [],
    } as const;
    const old = profile({ ...HOME, address, priority: 5, hidden: true });
    const other: WifiSettings = { ssid: Buffer.from('cafe'), key: 'long enough' };
    expect(profile(other, old)).toBe(profile(other));
  });

  it('turns an open network into a closed one when it gets a key', () => {
    const open = profile({ ssid: Buffer.from('x'), security: 'open' });
    expect(readOne(profile({ key: 'long enough' }, open))).toMatchObject({ keyManagement: 'wpa-psk' });
  });

  it.each([
    [{ key: 'long enough' }, 'there is no Wi-Fi network to change yet'],
    [{ ssid: Buffer.from('x') }, 'the Wi-Fi network has no key'],
    [{ ssid: Buffer.from('x'), security: 'sae' }, 'needs a key'],
    [{ ssid: Buffer.from('x'), security: 'open', key: 'long enough' }, 'an open Wi-Fi network has no key'],
    [{ ssid: Buffer.from('x'), security: 'wpa-eap', key: 'k' }, 'needs an identity'],
    [{ ssid: Buffer.from('x'), eap: { identity: 'me' } }, 'needs a password'],
    [{ ssid: Buffer.from('x'), key: 'short' }, 'the Wi-Fi key must have 8 to 63 bytes'],
    [{ ssid: Buffer.from('x'), key: 'x'.repeat(64) }, 'the Wi-Fi key must have 8 to 63 bytes'],
    [{ ssid: Buffer.from('x'), key: 'ü'.repeat(32) }, 'the Wi-Fi key must have 8 to 63 bytes'],
    [{ ssid: Buffer.from('x'), key: 'line\nbreak' }, 'must not have control characters'],
  ] as const)('is refused when something is missing: %j', (settings, message) => {
    expect(() => profile(settings)).toThrow(message);
  });
});

describe('values', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(unescapeString(escapeString(text))).toBe(text);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 32 }), (bytes) => {
        expect(decodeSsid(encodeSsid(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('with an unknown escape are refused, as glib does', () =>
    expect(unescapeString('a\\qb')).toBeUndefined());
});

describe('a keyfile', () => {
  it('reads groups that are there twice as one, and takes the last of equal keys', () => {
    const keyfile = Keyfile.parse('[a]\nx=1\n[b]\n[a]\n x = 2 \ny=3\n', 'f');
    expect(keyfile.groups()).toEqual(['a', 'b']);
    expect(keyfile.get('a', 'x')).toBe('2 ');
    expect(keyfile.keys('a')).toEqual(['x', 'y']);
  });

  it.each([
    ['x=1', 'f:1:'],
    ['[a]\nno equals sign', 'f:2:'],
    ['[a\nx=1', 'f:1:'],
    ['# comment\n\n[a]\n[]\n', 'f:4:'],
  ])('that glib refuses is refused with its line: %j', (text, place) => {
    expect(() => Keyfile.parse(text, 'f')).toThrow(place);
    expect(readOne(text).error).toBeDefined();
  });
});
