import { isUtf8 } from 'node:buffer';
import { basename } from 'node:path';
import { ExitCode, RdtError } from '../errors.js';
import type { Parsed } from '../project/parsed.js';
import { checkConfigValue } from './config-keys.js';
import type { ConfigEdit, ConfigureSettings, ConnectionFile, WifiRequest } from './configure-settings.js';
import type { GivenAddress, GivenKey, GivenNetwork, GivenSettings, GivenText } from './given-settings.js';
import { parseJson } from './json-parse.js';
import { checkConnection } from './keyfile-check.js';
import type { AddressSettings, EapSettings, WifiSettings } from './network-settings.js';
import { parseSshKey } from './setting-values.js';

/** Where settings come from that are not given themselves. */
export interface SettingSources {
  /** Throws an `RdtError` when the file cannot be read. */
  readFile(path: string): Promise<Buffer>;
  readStdin(): Promise<Buffer>;
  /** Answers in DER. Throws an `RdtError` that names `file` unless there is exactly one certificate. */
  readCertificate(content: Buffer, file: string): Promise<Buffer>;
  /** The variable `RDT_WIFI_KEY`; counts where a network is set without a key. */
  readonly wifiKey: string | undefined;
}

/** Reads all files and checks what can be checked without the device. Throws an `RdtError` (usage) for what does not fit together. */
export async function resolveSettings(
  given: GivenSettings,
  sources: SettingSources,
): Promise<ConfigureSettings> {
  const { address, ethernet } = given;
  return {
    config: [...(await configEdits(given, sources)), ...freeEdits(given)],
    wifi: await wifiRequest(given, sources),
    address: address && toAddress({ ...address, ...(given.dns && { dns: given.dns }) }),
    ethernet: ethernet && toAddress(ethernet),
    connections: await readConnections(given.connections ?? [], sources),
  };
}

async function configEdits(given: GivenSettings, sources: SettingSources): Promise<ConfigEdit[]> {
  const values = {
    hostname: given.hostname,
    persistentLogging: given.persistentLogging,
    country: given.country,
    // The devices split these at spaces (device-facts).
    ntpServers: given.ntp?.join(' '),
    dnsServers: given.dns?.join(' '),
    developmentMode: given.developerMode,
  };
  const edits = Object.entries(values).flatMap(([key, value]): ConfigEdit[] =>
    value === undefined ? [] : [{ kind: 'set', path: [key], json: JSON.stringify(value) }],
  );
  if (given.sshKeys === undefined) return edits;
  const keys = await readSshKeys(given.sshKeys, sources);
  return [...edits, { kind: 'set', path: ['os', 'sshKeys'], json: JSON.stringify(keys) }];
}

function freeEdits({ set = [], unset = [] }: GivenSettings): ConfigEdit[] {
  for (const { path, json } of set) {
    accept(path.join('.'), checkConfigValue(path, parseJson(json, 'value')));
    const isBoth = unset.some((other) => JSON.stringify(other) === JSON.stringify(path));
    if (isBoth) throw usage(`${path.join('.')} cannot be both set and unset`);
  }
  return [
    ...set.map(({ path, json }): ConfigEdit => ({ kind: 'set', path, json })),
    ...unset.map((path): ConfigEdit => ({ kind: 'unset', path })),
  ];
}

async function readSshKeys(given: readonly GivenText[], sources: SettingSources): Promise<string[]> {
  const keys: string[] = [];
  for (const source of given) {
    const text = source.kind === 'text' ? source.text : (await sources.readFile(source.path)).toString();
    const lines = text.includes('PRIVATE KEY') ? [text] : text.split(/\r?\n/);
    const wanted = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    const name = source.kind === 'file' ? source.path : 'ssh-key';
    if (wanted.length === 0) throw usage(`${name}: there is no SSH key in it`);
    keys.push(...wanted.map((line) => accept(name, parseSshKey(line))));
  }
  return [...new Set(keys)];
}

async function wifiRequest(given: GivenSettings, sources: SettingSources): Promise<WifiRequest> {
  if (given.networks !== undefined) {
    const networks: WifiSettings[] = [];
    for (const network of given.networks) networks.push(await toWifi(network, sources));
    return { kind: 'list', networks: withPriorities(networks) };
  }
  if (given.wifi === undefined) return { kind: 'none' };
  const isMissingKey = given.wifi.key === undefined && given.wifi.security !== 'open';
  const fromVariable: GivenNetwork =
    isMissingKey && sources.wifiKey !== undefined ? { key: { kind: 'text', text: sources.wifiKey } } : {};
  return { kind: 'one', settings: await toWifi({ ...given.wifi, ...fromVariable }, sources) };
}

/** The order of the list counts, where it says nothing else. */
function withPriorities(networks: readonly WifiSettings[]): WifiSettings[] {
  const isOrdered = networks.length < 2 || networks.some(({ priority }) => priority !== undefined);
  if (isOrdered) return [...networks];
  return networks.map((network, index) => ({ ...network, priority: networks.length - 1 - index }));
}

async function toWifi(given: GivenNetwork, sources: SettingSources): Promise<WifiSettings> {
  const { ssid, hidden, security, priority } = given;
  const key = given.key && (await readKey(given.key, sources));
  const eap = await toEap(given, sources);
  const address = toAddress(given);
  return {
    ...(ssid !== undefined && { ssid }),
    ...(hidden !== undefined && { hidden }),
    ...(security !== undefined && { security }),
    ...(priority !== undefined && { priority }),
    ...(key !== undefined && { key }),
    ...(eap !== undefined && { eap }),
    ...(address !== undefined && { address }),
  };
}

/** One line break at the end belongs to the file, not to the key. */
async function readKey(given: GivenKey, sources: SettingSources): Promise<string> {
  if (given.kind === 'text') return given.text;
  const bytes = given.kind === 'file' ? await sources.readFile(given.path) : await sources.readStdin();
  if (!isUtf8(bytes)) throw usage('the Wi-Fi key is not UTF-8 text');
  return bytes.toString().replace(/\r?\n$/, '');
}

async function toEap(given: GivenNetwork, sources: SettingSources): Promise<EapSettings | undefined> {
  const { identity, anonymousIdentity, eapMethod, phase2, caFile } = given;
  const isGiven = [identity, anonymousIdentity, eapMethod, phase2, caFile].some(
    (value) => value !== undefined,
  );
  if (!isGiven) return undefined;
  if (given.security !== undefined && given.security !== 'wpa-eap') {
    throw usage(`identity and the like are of wpa-eap, and the security is ${given.security}`);
  }
  return {
    ...(identity !== undefined && { identity }),
    ...(anonymousIdentity !== undefined && { anonymousIdentity }),
    ...(eapMethod !== undefined && { method: eapMethod }),
    ...(phase2 !== undefined && { phase2 }),
    ...(caFile !== undefined && {
      caCertificate: await sources.readCertificate(await sources.readFile(caFile), caFile),
    }),
  };
}

function toAddress({ staticIp, gateway, dns = [] }: GivenAddress): AddressSettings | undefined {
  if (staticIp === undefined || staticIp === 'auto') {
    if (gateway !== undefined) throw usage('a gateway needs a static address (--static-ip)');
    return staticIp && { kind: 'automatic' };
  }
  const { family, address } = staticIp;
  if (gateway !== undefined && familyOf(gateway) !== family) {
    throw usage(`the gateway ${gateway} and the address ${address} are of different families`);
  }
  return {
    kind: 'static',
    family,
    address,
    gateway,
    dns: dns.filter((server) => familyOf(server) === family),
  };
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4');

async function readConnections(paths: readonly string[], sources: SettingSources): Promise<ConnectionFile[]> {
  const files: ConnectionFile[] = [];
  for (const path of paths) {
    const file = { name: basename(path), content: await sources.readFile(path) };
    checkConnection(file.name, file.content, path);
    const isTwice = files.some(({ name }) => name.toLowerCase() === file.name.toLowerCase());
    if (isTwice) throw usage(`two connection profiles have the name ${file.name}`);
    files.push(file);
  }
  return files;
}

function accept<T>(name: string, parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw usage(`${name}: ${parsed.reason}`);
}

const usage = (message: string): RdtError => new RdtError(message, { exitCode: ExitCode.usage });
