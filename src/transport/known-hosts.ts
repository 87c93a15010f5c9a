import { createHash } from 'node:crypto';
import { isIP } from 'node:net';

/** Whose key it is: the device's name as the user knows it, and the address that was dialled. */
export interface SshHost {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export interface HostKey {
  /** `ssh-ed25519`, `ssh-rsa`, ... */
  readonly type: string;
  /** The key in SSH's wire format, as base64. */
  readonly base64: string;
}

/** A key with all names and addresses (`[10.0.0.5]:22222`) that it is known by. */
export interface KnownHost {
  readonly key: HostKey;
  readonly patterns: readonly string[];
}

/**
 * Addresses are looked up first, then names, since names of devices are not unique: two devices of one name are two, and neither locks the
 * other out (docs/decisions/0003-host-keys-by-address-then-name.md).
 */
export type HostKeyVerdict =
  /** `isNews`: the name or the address is not stored with this key yet. */
  | { readonly kind: 'trusted'; readonly isNews: boolean }
  /** Never seen; `namesakes` are other keys that go by the same name. */
  | { readonly kind: 'first-use'; readonly namesakes: readonly HostKey[] }
  /** The address belongs to another key. */
  | { readonly kind: 'changed'; readonly stored: HostKey };

const LINE = /^([^\s#@|]\S*)[ \t]+([a-z][\w@.-]*)[ \t]+([A-Za-z0-9+/]+={0,3})(?:[ \t].*)?$/;
const DEFAULT_SSH_PORT = 22;

/** Lines that are comments, hashed or marked are no entries. A later line of an address wins: that is how an address moves on to another key. */
export const parseKnownHosts = (text: string): KnownHost[] => {
  const byKey = new Map<string, { key: HostKey; patterns: Set<string> }>();
  for (const line of text.split(/\r?\n/)) {
    const [, hosts = '', type = '', base64 = ''] = LINE.exec(line) ?? [];
    if (hosts === '') continue;
    const patterns = hosts.split(',');
    for (const other of byKey.values()) {
      for (const pattern of patterns.filter(isAddressPattern)) other.patterns.delete(pattern);
    }
    const known = byKey.get(base64) ?? { key: { type, base64 }, patterns: new Set() };
    for (const pattern of patterns) known.patterns.add(pattern);
    byKey.set(base64, known);
  }
  return [...byKey.values()].map(({ key, patterns }) => ({ key, patterns: [...patterns] }));
};

export const judgeHostKey = (known: readonly KnownHost[], host: SshHost, key: HostKey): HostKeyVerdict => {
  const [address, name] = [addressPattern(host), namePattern(host)];
  const owner = known.find(({ patterns }) => patterns.includes(address));
  const same = known.find((entry) => isSameKey(entry.key, key));
  const isByName = name !== undefined && same?.patterns.includes(name) === true;
  if (owner !== undefined && owner === same) {
    return { kind: 'trusted', isNews: name !== undefined && !isByName };
  }
  // The address was another device's; this one is known by its name and its key, so that they have only swapped addresses.
  if (owner !== undefined && !isByName) return { kind: 'changed', stored: owner.key };
  if (same !== undefined) return { kind: 'trusted', isNews: true };
  const namesakes = known.filter(({ patterns }) => name !== undefined && patterns.includes(name));
  return { kind: 'first-use', namesakes: namesakes.map((entry) => entry.key) };
};

/** The types of key to ask the host for: another type than the stored one would look like a change. Empty for an unknown host. */
export const storedKeyTypes = (known: readonly KnownHost[], host: SshHost): string[] => {
  const [address, name] = [addressPattern(host), namePattern(host)];
  const owner = known.filter(({ patterns }) => patterns.includes(address));
  const namesakes = known.filter(({ patterns }) => name !== undefined && patterns.includes(name));
  return [...new Set([...owner, ...namesakes].map(({ key }) => key.type))];
};

/** The line to append when a key is trusted for a host. */
export const knownHostLine = (host: SshHost, { type, base64 }: HostKey): string => {
  const name = namePattern(host);
  const patterns = [...(name === undefined ? [] : [name]), addressPattern(host)];
  return `${patterns.join(',')} ${type} ${base64}\n`;
};

/**
 * The file without a device, given by name, by address, or by either with a port (`10.0.0.5:22222`, `[fe80::1]:22222`), and what was taken out.
 * A name takes its keys with it; an address takes a key only when that has no other address.
 */
export const forgetHost = (text: string, device: string): { text: string; forgotten: KnownHost[] } => {
  const isMeant = matcherOf(device);
  const forgotten = parseKnownHosts(text).filter(({ patterns }) => patterns.some(isMeant));
  const gone = forgotten.filter(({ patterns }) => isGoneWithout(patterns, isMeant));
  const goneKeys = new Set(gone.map(({ key }) => key.base64));
  // An older line may give the address of a key that goes to another one: that claim has been over since.
  const goneAddresses = new Set(gone.flatMap(({ patterns }) => patterns.filter(isAddressPattern)));
  const lines = text.split(/(?<=\n)/).map((line) => {
    const [, hosts = '', , base64 = ''] = LINE.exec(line.trimEnd()) ?? [];
    if (hosts === '') return line;
    const left = hosts.split(',').filter((pattern) => !isMeant(pattern) && !goneAddresses.has(pattern));
    return goneKeys.has(base64) || left.length === 0 ? '' : line.replace(hosts, left.join(','));
  });
  return { text: lines.join(''), forgotten };
};

/** As OpenSSH shows it: `SHA256:` and the hash without padding. */
export const fingerprint = ({ base64 }: HostKey): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64').replace(/=+$/, '')}`;

/** A key as the host sends it: a length, the type, and the rest. */
export const hostKeyOf = (blob: Buffer): HostKey => {
  const typeLength = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  return { type: blob.toString('latin1', 4, 4 + typeLength), base64: blob.toString('base64') };
};

/** For messages: `kitchen (10.0.0.5:22222)`. */
export const describeHost = ({ name, address, port }: SshHost): string => {
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return name === address ? where : `${name} (${where})`;
};

const isSameKey = (a: HostKey, b: HostKey): boolean => a.base64 === b.base64;

const patternOf = (host: string, port: number): string =>
  port === DEFAULT_SSH_PORT ? host : `[${host}]:${port}`;

/** A zone names an interface of this computer, so it is no part of the address. */
const addressPattern = ({ address, port }: SshHost): string =>
  patternOf(address.toLowerCase().replace(/%.*$/, ''), port);

/** Undefined for a device that is only known by its address, or whose name cannot stand in the file. */
const namePattern = ({ name, port }: SshHost): string | undefined => {
  const plain = name.toLowerCase().replace(/\.$/, '');
  if (isIP(plain.replace(/%.*$/, '')) !== 0 || !/^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(plain))
    return undefined;
  return patternOf(plain, port);
};

/** A device is `kitchen` and `kitchen.local`, as its user likes. */
const withoutLocal = (name: string): string => name.replace(/\.local$/, '');

const portIn = (pattern: string): number => Number(/\]:(\d+)$/.exec(pattern)?.[1] ?? DEFAULT_SSH_PORT);

const hostIn = (pattern: string): string => /^\[(.*)\]:\d+$/.exec(pattern)?.[1] ?? pattern;

const isAddressPattern = (pattern: string): boolean => isIP(hostIn(pattern)) !== 0;

const isGoneWithout = (patterns: readonly string[], isMeant: (pattern: string) => boolean): boolean =>
  patterns.some((pattern) => isMeant(pattern) && !isAddressPattern(pattern)) ||
  !patterns.some((pattern) => isAddressPattern(pattern) && !isMeant(pattern));

const matcherOf = (device: string): ((pattern: string) => boolean) => {
  const plain = device
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/%[^\]]*/, '');
  const [, bracketed, host = bracketed, port] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(plain) ?? [];
  const withPort = host === undefined ? undefined : patternOf(withoutLocal(host), Number(port));
  const meant = withoutLocal(plain.replace(/^\[(.*)\]$/, '$1'));
  return (pattern) => {
    const known = withoutLocal(hostIn(pattern));
    return known === meant || patternOf(known, portIn(pattern)) === withPort;
  };
};
