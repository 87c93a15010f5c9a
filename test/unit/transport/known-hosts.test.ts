import { describe, expect, it } from 'vitest';
import {
  fingerprint,
  forgetHost,
  type HostKey,
  hostKeyOf,
  judgeHostKey,
  knownHostLine,
  parseKnownHosts,
  type SshHost,
  storedKeyTypes,
} from '../../../src/transport/known-hosts.js';

const key = (letter: string, type = 'ssh-ed25519'): HostKey => ({ type, base64: letter.repeat(8) });
const kitchen: SshHost = { name: 'kitchen', address: '10.0.0.5', port: 22222 };
const at = (address: string, name = 'kitchen'): SshHost => ({ name, address, port: 22222 });
const fileOf = (...entries: [SshHost, HostKey][]): string =>
  entries.map(([host, hostKey]) => knownHostLine(host, hostKey)).join('');
const judge = (file: string, host: SshHost, hostKey: HostKey) =>
  judgeHostKey(parseKnownHosts(file), host, hostKey);

describe('a host key', () => {
  it('is new for an address and a name that nobody knows', () => {
    expect(judge('', kitchen, key('A'))).toEqual({ kind: 'first-use', namesakes: [] });
  });

  it('is trusted once it was stored', () => {
    const file = fileOf([kitchen, key('A')]);
    expect(file).toBe('[kitchen]:22222,[10.0.0.5]:22222 ssh-ed25519 AAAAAAAA\n');
    expect(judge(file, kitchen, key('A'))).toEqual({ kind: 'trusted', isNews: false });
  });

  it('that differs from the one of the address has changed, whatever its type', () => {
    const file = fileOf([kitchen, key('A')]);
    expect(judge(file, kitchen, key('B'))).toEqual({ kind: 'changed', stored: key('A') });
    expect(judge(file, kitchen, key('B', 'ssh-rsa'))).toEqual({ kind: 'changed', stored: key('A') });
    expect(judge(file, at('10.0.0.5', 'other'), key('B'))).toMatchObject({ kind: 'changed' });
  });

  it('is trusted at a new address, which is added (DHCP)', () => {
    const file = fileOf([kitchen, key('A')]);
    expect(judge(file, at('10.0.0.9'), key('A'))).toEqual({ kind: 'trusted', isNews: true });
    const both = file + knownHostLine(at('10.0.0.9'), key('A'));
    expect(parseKnownHosts(both)).toEqual([
      { key: key('A'), patterns: ['[kitchen]:22222', '[10.0.0.5]:22222', '[10.0.0.9]:22222'] },
    ]);
  });

  it('is trusted under a new name, which is added', () => {
    const file = fileOf([at('10.0.0.5', '10.0.0.5'), key('A')]);
    expect(file).toBe('[10.0.0.5]:22222 ssh-ed25519 AAAAAAAA\n');
    expect(judge(file, kitchen, key('A'))).toEqual({ kind: 'trusted', isNews: true });
  });

  it('of a second device of the same name is new, and neither locks the other out', () => {
    const [first, second] = [at('10.0.0.5'), at('10.0.0.6')];
    expect(judge(fileOf([first, key('A')]), second, key('B'))).toEqual({
      kind: 'first-use',
      namesakes: [key('A')],
    });
    const file = fileOf([first, key('A')], [second, key('B')]);
    expect(judge(file, first, key('A'))).toEqual({ kind: 'trusted', isNews: false });
    expect(judge(file, second, key('B'))).toEqual({ kind: 'trusted', isNews: false });
    expect(judge(file, second, key('A'))).toEqual({ kind: 'trusted', isNews: true });
  });

  it('follows its device when two have swapped addresses', () => {
    const file = fileOf([at('10.0.0.5', 'a'), key('A')], [at('10.0.0.6', 'b'), key('B')]);
    expect(judge(file, at('10.0.0.5', 'b'), key('B'))).toEqual({ kind: 'trusted', isNews: true });
    const moved = file + knownHostLine(at('10.0.0.5', 'b'), key('B'));
    expect(judge(moved, at('10.0.0.5', 'b'), key('B'))).toEqual({ kind: 'trusted', isNews: false });
    expect(judge(moved, at('10.0.0.5', 'c'), key('A'))).toEqual({ kind: 'changed', stored: key('B') });
  });

  it('of another device at a known address has changed when that is not the name it is known by', () => {
    const file = fileOf([at('10.0.0.5', 'a'), key('A')], [at('10.0.0.6', 'b'), key('B')]);
    expect(judge(file, at('10.0.0.5', 'a'), key('B'))).toMatchObject({ kind: 'changed' });
    expect(judge(file, at('10.0.0.5', '10.0.0.5'), key('B'))).toMatchObject({ kind: 'changed' });
  });

  it('is looked up by port, and without the zone of a link-local address', () => {
    const file = fileOf([at('FE80::1%eth0'), key('A')]);
    expect(judge(file, at('fe80::1%wlan0'), key('A'))).toEqual({ kind: 'trusted', isNews: false });
    expect(judge(file, { ...at('fe80::1'), port: 22 }, key('B'))).toMatchObject({ kind: 'first-use' });
  });

  it('is stored by its address alone when the name cannot stand in the file', () => {
    expect(knownHostLine(at('10.0.0.5', 'a,b c'), key('A'))).toBe('[10.0.0.5]:22222 ssh-ed25519 AAAAAAAA\n');
    expect(knownHostLine(at('10.0.0.5', '@cert-authority'), key('A'))).toMatch(/^\[10/);
    expect(knownHostLine(at('10.0.0.5', 'küche.local.'), key('A'))).toMatch(/^\[küche\.local\]:22222,/);
    expect(knownHostLine({ ...kitchen, port: 22 }, key('A'))).toBe('kitchen,10.0.0.5 ssh-ed25519 AAAAAAAA\n');
  });
});

describe('the known hosts', () => {
  it('ask a host for the type of key that is stored, the one of the address first', () => {
    const file = fileOf([at('10.0.0.6'), key('A', 'ssh-rsa')], [kitchen, key('B')]);
    expect(storedKeyTypes(parseKnownHosts(file), kitchen)).toEqual(['ssh-ed25519', 'ssh-rsa']);
    expect(storedKeyTypes(parseKnownHosts(file), at('10.0.0.7', 'other'))).toEqual([]);
  });

  it('leave out comments, hashed and marked lines, and lines that a crash cut short', () => {
    const file = `# mine\n\n|1|aGFzaA=|aGFzaA= ssh-ed25519 AAAA\n@revoked * ssh-rsa AAAA\n[x]:1 ssh-ed\n${fileOf([kitchen, key('A')])}`;
    expect(parseKnownHosts(file)).toEqual([
      { key: key('A'), patterns: ['[kitchen]:22222', '[10.0.0.5]:22222'] },
    ]);
  });

  it('shows fingerprints as OpenSSH does', () => {
    const blob = Buffer.from(
      'AAAAC3NzaC1lZDI1NTE5AAAAIC/oS18uABbJIlOrauH4NLLKwh7LZ0PwiXxrKJy4t8Em',
      'base64',
    );
    expect(hostKeyOf(blob).type).toBe('ssh-ed25519');
    expect(fingerprint(hostKeyOf(blob))).toBe('SHA256:0t4AbvMwoVJFQaM2gtTUKyQMsiPWfz5oZJnCfgOH+PM');
  });

  it('take a key of a hostile length as it comes', () => {
    expect(hostKeyOf(Buffer.from([255, 255, 255, 255, 1])).base64).toBe('/////wE=');
    expect(hostKeyOf(Buffer.alloc(0))).toEqual({ type: '', base64: '' });
  });
});

describe('forgetting', () => {
  const first = at('10.0.0.5');
  const second = at('10.0.0.6');
  const file = `# mine\n${fileOf([first, key('A')], [second, key('B')], [at('10.0.0.7', 'shed'), key('C')])}`;
  const left = (device: string) =>
    parseKnownHosts(forgetHost(file, device).text).map(({ key: k }) => k.base64[0]);

  it.each([
    ['kitchen', ['C']],
    ['KITCHEN.', ['C']],
    ['kitchen:22222', ['C']],
    ['kitchen:22', ['A', 'B', 'C']],
    ['10.0.0.5', ['B', 'C']],
    ['10.0.0.5:22222', ['B', 'C']],
    ['[10.0.0.5]:22222', ['B', 'C']],
    ['shed', ['A', 'B']],
    ['kitchen.local', ['C']],
    ['kitchen.local:22222', ['C']],
    ['10.0.0', ['A', 'B', 'C']],
    ['', ['A', 'B', 'C']],
  ])('%s leaves the others', (device, expected) => {
    expect(left(device)).toEqual(expected);
  });

  it('knows a device by its name with and without .local', () => {
    const stored = fileOf([at('10.0.0.5', 'kitchen.local'), key('A')]);
    expect(forgetHost(stored, 'kitchen').text).toBe('');
    expect(forgetHost(stored, 'kitchen:22222').text).toBe('');
    expect(forgetHost(stored, 'kitchen:22').text).toBe(stored);
  });

  it('tells what it took out and keeps what is not an entry', () => {
    const { text, forgotten } = forgetHost(file, '10.0.0.7');
    expect(text).toMatch(/^# mine\n/);
    expect(forgotten).toEqual([{ key: key('C'), patterns: ['[shed]:22222', '[10.0.0.7]:22222'] }]);
  });

  it('an address keeps a device that has another one', () => {
    const two = fileOf([first, key('A')], [at('fe80::5%eth0'), key('A')]);
    const { text } = forgetHost(two, '10.0.0.5');
    expect(parseKnownHosts(text)).toEqual([
      { key: key('A'), patterns: ['[kitchen]:22222', '[fe80::5]:22222'] },
    ]);
    expect(parseKnownHosts(forgetHost(text, 'fe80::5').text)).toEqual([]);
  });

  it('a device whose address was once another one’s does not bring that one back', () => {
    const moved = fileOf(
      [at('10.0.0.5', 'a'), key('A')],
      [at('10.0.0.6', 'a'), key('A')],
      [at('10.0.0.5', 'b'), key('B')],
    );
    const { text } = forgetHost(moved, 'b');
    expect(judge(text, at('10.0.0.5', 'b'), key('X'))).toEqual({ kind: 'first-use', namesakes: [] });
    expect(judge(text, at('10.0.0.6', 'a'), key('A'))).toEqual({ kind: 'trusted', isNews: false });
  });
});
