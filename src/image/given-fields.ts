import { resolve } from 'node:path';
import { accepted, type Parsed } from '../project/parsed.js';
import type { GivenNetwork, GivenSettings, GivenText } from './given-settings.js';
import { EAP_METHODS, WIFI_SECURITIES } from './network-settings.js';
import {
  parseCountry,
  parseHexSsid,
  parseHostname,
  parseIpAddress,
  parseKeyPath,
  parseLine,
  parsePriority,
  parseServer,
  parseSsid,
  parseStaticIp,
  parseWord,
} from './setting-values.js';

/** Reads one text into a part of the settings. `folder` is where relative paths begin. */
export type TextField<T> = (text: string, folder: string) => Parsed<T>;

const field =
  <T, V>(parse: (text: string) => Parsed<V>, wrap: (value: V) => T): TextField<T> =>
  (text) => {
    const parsed = parse(text);
    return parsed.ok ? accepted(wrap(parsed.value)) : parsed;
  };

const path =
  <T>(wrap: (path: string) => T): TextField<T> =>
  (text, folder) => {
    const parsed = parseLine(text);
    return parsed.ok ? accepted(wrap(resolve(folder, parsed.value))) : parsed;
  };

/** Texts of one network. On the command line and at the top of a file each has `wifi-` in front. */
export const NETWORK_FIELDS: Readonly<Record<string, TextField<GivenNetwork>>> = {
  ssid: field(parseSsid, (ssid) => ({ ssid })),
  'ssid-hex': field(parseHexSsid, (ssid) => ({ ssid })),
  // What a key may be depends on the security, which may be known from the profile alone.
  key: (text) => accepted({ key: { kind: 'text', text } }),
  'key-file': path((file) => ({ key: { kind: 'file', path: file } })),
  security: field(parseWord(WIFI_SECURITIES), (security) => ({ security })),
  identity: field(parseLine, (identity) => ({ identity })),
  'anonymous-identity': field(parseLine, (anonymousIdentity) => ({ anonymousIdentity })),
  'eap-method': field(parseWord(EAP_METHODS), (eapMethod) => ({ eapMethod })),
  phase2: field(parseWord(['mschapv2', 'pap', 'gtc', 'md5']), (phase2) => ({ phase2 })),
  'ca-file': path((caFile) => ({ caFile })),
  priority: field(parsePriority, (priority) => ({ priority })),
};

/** Texts of addresses: of a network in a list, of the wired network, or of the one network. */
export const ADDRESS_FIELDS: Readonly<Record<string, TextField<GivenNetwork>>> = {
  'static-ip': field(parseStaticIp, (staticIp) => ({ staticIp })),
  gateway: field(parseIpAddress, (gateway) => ({ gateway })),
};

export const SETTING_FIELDS: Readonly<Record<string, TextField<GivenSettings>>> = {
  hostname: field(parseHostname, (hostname) => ({ hostname })),
  country: field(parseCountry, (country) => ({ country })),
};

export const FLAG_FIELDS: Readonly<Record<string, (value: boolean) => GivenSettings>> = {
  'persistent-logging': (persistentLogging) => ({ persistentLogging }),
  'developer-mode': (developerMode) => ({ developerMode }),
  'wifi-hidden': (hidden) => ({ wifi: { hidden } }),
};

/** Items of lists. */
export const dnsItem = parseIpAddress;
export const ntpItem = parseServer;
export const unsetItem = parseKeyPath;
export const connectionItem = path((file) => file);

/** A public key itself, or a file with some. */
export const sshKeyItem: TextField<GivenText> = (text, folder) => {
  const isKey = /^(?:ssh-|ecdsa-|sk-)\S+ /.test(text);
  return isKey
    ? accepted({ kind: 'text', text })
    : path<GivenText>((file) => ({ kind: 'file', path: file }))(text, folder);
};
