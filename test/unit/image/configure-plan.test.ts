import { describe, expect, it } from 'vitest';
import { currentAnswers } from '../../../src/image/configure-dialog.js';
import { diffOf, renderDiff } from '../../../src/image/configure-diff.js';
import { applyPlan, type FileChange, planConfiguration } from '../../../src/image/configure-plan.js';
import { readConfiguration, renderConfiguration } from '../../../src/image/configure-show.js';
import type { GivenSettings } from '../../../src/image/given-settings.js';
import { resolveSettings, type SettingSources } from '../../../src/image/resolve-settings.js';
import { RdtError } from '../../../src/errors.js';
import { MemoryBootFiles } from '../../contract/memory-boot-files.js';

const SOURCES: SettingSources = {
  readFile: (path) => Promise.reject(new RdtError(`${path}: cannot be read`)),
  readStdin: () => Promise.resolve(Buffer.from('from stdin\n')),
  readCertificate: (content) => Promise.resolve(content),
  wifiKey: undefined,
};

async function plan(
  files: MemoryBootFiles,
  given: GivenSettings,
  sources: Partial<SettingSources> = {},
): Promise<readonly FileChange[]> {
  return planConfiguration(files, await resolveSettings(given, { ...SOURCES, ...sources }));
}

async function configure(
  files: MemoryBootFiles,
  given: GivenSettings,
  sources: Partial<SettingSources> = {},
): Promise<string[]> {
  const changes = await plan(files, given, sources);
  await applyPlan(files, changes, new AbortController().signal);
  return changes.flatMap((change) => renderDiff(diffOf(change)));
}

const reading = (files: Readonly<Record<string, string>>): Partial<SettingSources> => ({
  readFile: (path) => Promise.resolve(Buffer.from(files[path] ?? '')),
});

const key = (text: string) => ({ kind: 'text', text }) as const;
const HOME = { ssid: Buffer.from('home'), key: key('correct horse') };
const ED25519 = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx').toString('base64')} me@laptop`;
const SAMPLE = '[connection]\nid=resin-sample\ntype=wifi\n\n[wifi]\nssid=My_Wifi_Ssid\n';

describe('configuring', () => {
  it('sets keys of config.json and leaves all others as they are', async () => {
    const files = new MemoryBootFiles({
      '/config.json': '{"uuid":"u","deviceId":12345678901234567890,"hostname":"old"}',
    });
    await configure(files, {
      hostname: 'kitchen',
      persistentLogging: true,
      developerMode: false,
      country: 'DE',
      ntp: ['a.example', 'b.example'],
      dns: ['1.1.1.1', '9.9.9.9'],
      sshKeys: [key(ED25519)],
      set: [{ path: ['os', 'fan', 'profile'], json: '"cool"' }],
      unset: [['uuid']],
    });
    expect(files.texts['/config.json']).toBe(
      '{"deviceId":12345678901234567890,"hostname":"kitchen","persistentLogging":true,"country":"DE",' +
        '"ntpServers":"a.example b.example","dnsServers":"1.1.1.1 9.9.9.9","developmentMode":false,' +
        `"os":{"sshKeys":["${ED25519}"],"fan":{"profile":"cool"}}}`,
    );
  });

  it('makes a config.json where there is none', async () => {
    const files = new MemoryBootFiles();
    await configure(files, { hostname: 'kitchen' });
    expect(files.texts['/config.json']).toBe('{\n  "hostname": "kitchen"\n}\n');
  });

  it.each<[string, GivenSettings]>([
    ['config.json', { hostname: 'kitchen', set: [{ path: ['a', 'b'], json: '[1, {"c": 2}]' }] }],
    [
      'Wi-Fi',
      { wifi: { ...HOME, hidden: true }, address: { staticIp: { family: 'ipv4', address: '10.0.0.2/8' } } },
    ],
    ['networks', { networks: [HOME, { ssid: Buffer.from('work'), security: 'open' }] }],
    [
      'a wired network',
      { ethernet: { staticIp: { family: 'ipv4', address: '10.0.0.2/8' }, gateway: '10.0.0.1' } },
    ],
  ])('does nothing the second time: %s', async (_, given) => {
    const files = new MemoryBootFiles({ '/config.json': '{}' });
    await configure(files, given);
    const { changes } = files;
    expect(changes).toBeGreaterThan(0);
    expect(await configure(files, given)).toEqual([]);
    expect(files.changes).toBe(changes);
  });

  it('leaves the profiles of others alone', async () => {
    const others = { '/system-connections/resin-sample': SAMPLE, '/system-connections/office': 'what ever' };
    const files = new MemoryBootFiles(others);
    await configure(files, { wifi: HOME });
    expect(files.texts).toMatchObject(others);
    expect(Object.keys(files.texts)).toContain('/system-connections/resin-wifi');
  });

  it('changes the sample when it is named', async () => {
    const files = new MemoryBootFiles({ '/system-connections/resin-sample': SAMPLE });
    const office = SAMPLE.replace('My_Wifi_Ssid', 'office');
    await configure(
      files,
      { connections: ['/home/me/resin-sample'] },
      reading({ '/home/me/resin-sample': office }),
    );
    expect(files.texts['/system-connections/resin-sample']).toBe(office);
  });

  it('stores networks of a list in its order, and removes those that it made before', async () => {
    const files = new MemoryBootFiles({ '/system-connections/resin-wifi-9': SAMPLE });
    const network = (name: string) => ({ ssid: Buffer.from(name), security: 'open' as const });
    await configure(files, { networks: [network('a'), network('b'), network('c')] });
    expect(files.texts['/system-connections/resin-wifi']).toMatch(/autoconnect-priority=2[^]*ssid=a/);
    expect(files.texts['/system-connections/resin-wifi-3']).toMatch(/autoconnect-priority=0[^]*ssid=c/);
    await configure(files, { networks: [network('c')] });
    expect(Object.keys(files.texts).sort()).toEqual([
      '/system-connections/resin-wifi',
      '/system-connections/resin-wifi-9',
    ]);
    expect(files.texts['/system-connections/resin-wifi']).toContain('ssid=c');
  });

  it('is not kept from it by a broken profile that it does not need', async () => {
    const broken = {
      '/system-connections/resin-wifi': 'nonsense',
      '/system-connections/resin-wifi-4': 'nonsense',
    };
    const files = new MemoryBootFiles(broken);
    await configure(files, { hostname: 'kitchen' });
    expect(files.texts).toMatchObject(broken);
    await configure(files, { networks: [HOME] });
    expect(files.texts['/system-connections/resin-wifi']).toContain('ssid=home');
    expect(files.texts['/system-connections/resin-wifi-4']).toBe('nonsense');
  });

  it('gives a static address to the Wi-Fi network where there is one, else to the wired one', async () => {
    const address = { staticIp: { family: 'ipv4', address: '10.0.0.2/8' } } as const;
    const wired = new MemoryBootFiles();
    await configure(wired, { address });
    expect(wired.texts['/system-connections/resin-ethernet']).toContain('address1=10.0.0.2/8');
    const wireless = new MemoryBootFiles();
    await configure(wireless, { wifi: HOME });
    await configure(wireless, { address, dns: ['10.0.0.1', 'fd00::1'] });
    expect(wireless.texts['/system-connections/resin-wifi']).toContain('dns=10.0.0.1;\n');
    expect(wireless.texts['/system-connections/resin-ethernet']).toBeUndefined();
  });

  it('takes the key from a pipe, a file or RDT_WIFI_KEY, without the line break at its end', async () => {
    const ssid = Buffer.from('home');
    const psk = async (
      wifi: GivenSettings['wifi'],
      sources: Partial<SettingSources>,
    ): Promise<string | undefined> => {
      const files = new MemoryBootFiles();
      await configure(files, wifi === undefined ? {} : { wifi }, sources);
      return /psk=(.*)/.exec(files.texts['/system-connections/resin-wifi'] ?? '')?.[1];
    };
    expect(await psk({ ssid, key: { kind: 'stdin' } }, {})).toBe('from stdin');
    expect(
      await psk({ ssid, key: { kind: 'file', path: '/key' } }, reading({ '/key': 'from a file\r\n' })),
    ).toBe('from a file');
    expect(await psk({ ssid }, { wifiKey: 'from the environment' })).toBe('from the environment');
    expect(await psk({ ssid, security: 'open' }, { wifiKey: 'from the environment' })).toBeUndefined();
    expect(await psk(undefined, { wifiKey: 'from the environment' })).toBeUndefined();
  });

  it('stops between two files when it is interrupted', async () => {
    const files = new MemoryBootFiles();
    const changes = await plan(files, { hostname: 'kitchen' });
    await expect(applyPlan(files, changes, AbortSignal.abort(new Error('Ctrl-C')))).rejects.toThrow('Ctrl-C');
    expect(files.texts).toEqual({});
  });
});

describe('what does not fit is refused before anything is written:', () => {
  it.each<[string, GivenSettings, string]>([
    ['invalid config.json', { hostname: 'x' }, 'config.json:2:1: this is not valid JSON'],
    ['a network without a key', { wifi: { ssid: Buffer.from('x') } }, 'has no key'],
    [
      'a key that is too short',
      { wifi: { ssid: Buffer.from('x'), key: key('short') } },
      'must have 8 to 63 bytes',
    ],
    ['a gateway without an address', { address: { gateway: '10.0.0.1' } }, 'needs a static address'],
    [
      'a gateway of another family',
      { address: { staticIp: { family: 'ipv6', address: 'fd00::2/64' }, gateway: '10.0.0.1' } },
      'different families',
    ],
    [
      'a known key with a wrong value',
      { set: [{ path: ['persistentLogging'], json: '"yes"' }] },
      'persistentLogging must be true or false',
    ],
    [
      'a known key inside of an object',
      { set: [{ path: ['os'], json: '{"sshKeys":["x"]}' }] },
      'os.sshKeys must be a public SSH key',
    ],
    [
      'the same key set and unset',
      { set: [{ path: ['a'], json: '1' }], unset: [['a']] },
      'both set and unset',
    ],
    ['a private key', { sshKeys: [key('-----BEGIN OPENSSH PRIVATE KEY-----\nxyz')] }, 'is a private key'],
    [
      'EAP with another security',
      { wifi: { ...HOME, security: 'sae', identity: 'me' } },
      'the security is sae',
    ],
  ])('%s', async (_, given, message) => {
    const files = new MemoryBootFiles({ '/config.json': '{"a":1,\n}' });
    const attempt = configure(files, given);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow(RdtError);
    expect(files.changes).toBe(0);
  });

  it.each([
    ['office.ignore', SAMPLE, 'ignores files with names'],
    ['.office', SAMPLE, 'ignores files with names'],
    ['off:ice', SAMPLE, 'cannot have a file with this name'],
    ['office', '[wifi]\nssid=x\n', 'no [connection] section'],
    ['office', '[connection]\nid=x\n', 'no type='],
    ['office', '[connection]\ntype=wify\n', '"wify" is not a connection type'],
    ['office', '[connection]\ntype=wifi\n', 'no ssid='],
    ['office', '[connection]\ntype=wifi\nuuid=x\n[wifi]\nssid=x\n', 'not a UUID'],
    ['office', '[connection]\ntype=wifi\n[wifi]\nssid=x\n[wifi-security]\nkey-mgmt=wpa2\n', 'key-mgmt='],
    [
      'office',
      '[connection]\ntype=wifi\n[wifi]\nssid=x\n[wifi-security]\nkey-mgmt=wpa-psk\npsk=short\n',
      'psk=',
    ],
    ['office', '[connection]\nnonsense\n', 'office:2: this is not a line'],
    ['resin-wifi', SAMPLE, 'given both as a file and by options'],
    ['Resin-WiFi', SAMPLE, 'given both as a file and by options'],
  ])('the profile %s with %j', async (name, content, message) => {
    const files = new MemoryBootFiles();
    const given = { connections: [`/in/${name}`], wifi: HOME };
    await expect(configure(files, given, reading({ [`/in/${name}`]: content }))).rejects.toThrow(message);
    expect(files.changes).toBe(0);
  });
});

it('removing a key makes no file that is not there', async () => {
  const files = new MemoryBootFiles();
  expect(await configure(files, { unset: [['os', 'fan']] })).toEqual([]);
  expect(files.changes).toBe(0);
});

it('a host name that could steer the terminal is not offered', async () => {
  const files = new MemoryBootFiles({ '/config.json': '{"hostname":"\\u001b[2Jevil"}' });
  expect(await currentAnswers(files)).toMatchObject({ hostname: '' });
});

describe('no secret is shown', () => {
  const SECRET = 'correct horse';
  const config =
    '{"hostname":"h","apiKey":"correct horse","wifiKey":"correct horse","deep":{"token":{"a":"correct horse"}},"os":{"sshKeys":[]}}';

  it('in a diff, but that it changed', async () => {
    const files = new MemoryBootFiles({ '/config.json': config });
    const first = await configure(files, { wifi: HOME, hostname: 'kitchen' });
    expect(first).toContain('  + wifi-security.psk: ********');
    expect(first).toContain('  - hostname: "h"');
    expect(first).toContain('  + hostname: "kitchen"');
    const second = await configure(files, { wifi: { key: key('another secret') } });
    expect(second).toEqual([
      'system-connections/resin-wifi (changed)',
      '  ~ wifi-security.psk: ******** (changed)',
    ]);
    const third = await configure(files, { set: [{ path: ['apiKey'], json: '"another secret"' }] });
    expect([...first, ...second, ...third].join('\n')).not.toMatch(/correct horse|another secret/);
  });

  it('in what is set', async () => {
    const files = new MemoryBootFiles({
      '/config.json': config,
      '/system-connections/resin-sample.ignore': SAMPLE,
      '/system-connections/broken': 'nonsense',
      '/system-connections/vpn': '[connection]\ntype=vpn\n[vpn-secrets]\nwhatever=correct horse\n',
    });
    await configure(files, { wifi: { ...HOME, ssid: Buffer.from('Büro') } });
    const lines = renderConfiguration(await readConfiguration(files));
    expect(lines.join('\n')).not.toContain(SECRET);
    expect(lines).toEqual(
      expect.arrayContaining([
        '  apiKey: ********',
        '  deep.token.a: ********',
        '  os.sshKeys: []',
        'system-connections/resin-sample.ignore (not used)',
        '  wifi.ssid: Büro',
        '  vpn-secrets.whatever: ********',
        '  system-connections/broken:1: this is not a line of a NetworkManager keyfile',
      ]),
    );
  });

  it('in lists, under names that are less usual, and in JSON', async () => {
    const files = new MemoryBootFiles({
      '/config.json':
        '{"networks":[{"ssid":"a","psk":"correct horse"}],"tokens":["correct horse"],"secretAccessKey":"correct horse"}',
      '/system-connections/eap':
        '[connection]\ntype=wifi\n[802-1x]\nphase2-private-key=correct horse\n[macsec]\nmka-cak=correct horse\n',
    });
    const shown = await readConfiguration(files);
    expect(JSON.stringify(shown)).not.toContain(SECRET);
    expect(renderConfiguration(shown)).toContain('  networks: [{"ssid":"a","psk":"********"}]');
  });
});
