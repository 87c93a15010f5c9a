import { ExitCode, RdtError } from '../errors.js';
import type { Parsed } from '../project/parsed.js';
import { Keyfile } from './keyfile.js';
import { encodeList, encodeSsid, escapeString } from './keyfile-values.js';
import type { AddressSettings, EapSettings, WifiSecurity, WifiSettings } from './network-settings.js';
import { parseWifiKey } from './setting-values.js';

/** Older and newer names of the same section, the one we write first. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  wifi: ['wifi', '802-11-wireless'],
  'wifi-security': ['wifi-security', '802-11-wireless-security'],
  ethernet: ['ethernet', '802-3-ethernet'],
};
const KEYED_SECURITIES = ['wpa-psk', 'sae', 'wpa-eap'] as const;

/** The name that a profile uses for a section: its own alias, or the short one where it has none. */
export function sectionOf(profile: Keyfile, section: string): string {
  const names = ALIASES[section] ?? [section];
  return profile.groups().find((group) => names.includes(group)) ?? section;
}

/**
 * The profile with Wi-Fi settings in it and every section that NetworkManager asks for. What the settings do not name stays, but for
 * another SSID, which is another network and begins anew. Throws an `RdtError` (usage) when SSID or key are missing or unfit.
 */
export function withWifi(old: Keyfile, settings: WifiSettings, id: string): Keyfile {
  const oldSsid = old.get(sectionOf(old, 'wifi'), 'ssid');
  const ssid = settings.ssid === undefined ? oldSsid : encodeSsid(settings.ssid);
  if (ssid === undefined) {
    throw unfit('there is no Wi-Fi network to change yet', 'Give its name with --wifi-ssid.');
  }
  const isKnown = ssid === oldSsid;
  const profile = isKnown ? old.clone() : Keyfile.empty();
  const wifi = sectionOf(profile, 'wifi');
  applyIdentity(profile, id, 'wifi', settings.priority);
  setHidden(profile, wifi, settings.hidden);
  setDefault(profile, wifi, 'mode', 'infrastructure');
  profile.set(wifi, 'ssid', ssid);
  applySecurity(profile, settings, isKnown);
  applyAddress(profile, settings.address);
  return profile;
}

/** The profile of a wired network with these addresses. */
export function withEthernet(old: Keyfile, address: AddressSettings, id: string): Keyfile {
  const profile = old.clone();
  applyIdentity(profile, id, 'ethernet', undefined);
  applyAddress(profile, address);
  return profile;
}

/** NetworkManager ignores a profile without `[connection]`. */
function applyIdentity(profile: Keyfile, id: string, type: string, priority: number | undefined): void {
  setDefault(profile, 'connection', 'id', id);
  const oldType = profile.get('connection', 'type');
  if (oldType === undefined || !(ALIASES[type] ?? []).includes(oldType))
    profile.set('connection', 'type', type);
  if (priority !== undefined) profile.set('connection', 'autoconnect-priority', `${priority}`);
}

function setHidden(profile: Keyfile, wifi: string, hidden: boolean | undefined): void {
  if (hidden === true) profile.set(wifi, 'hidden', 'true');
  if (hidden === false) profile.remove(wifi, 'hidden');
}

/** Without a word about security or key, a network that is known stays as it is. */
function applySecurity(profile: Keyfile, settings: WifiSettings, isKnown: boolean): void {
  const old = currentSecurity(profile);
  const security = settings.security ?? impliedSecurity(settings, old);
  if (security === undefined && isKnown) return;
  if (security !== old) removeSecurity(profile);
  switch (security) {
    case undefined:
      throw unfit(
        'the Wi-Fi network has no key',
        'Give one with --wifi-key-stdin, or say --wifi-security open.',
      );
    case 'open':
      applyOpen(profile, settings);
      break;
    case 'wpa-psk':
    case 'sae':
      applyPreSharedKey(profile, settings, security);
      break;
    case 'wpa-eap':
      applyEnterprise(profile, settings);
  }
}

/** Undefined for an open network, and for what we do not know. */
function currentSecurity(profile: Keyfile): WifiSecurity | undefined {
  const management = profile.get(sectionOf(profile, 'wifi-security'), 'key-mgmt');
  return KEYED_SECURITIES.find((security) => security === management);
}

function impliedSecurity(settings: WifiSettings, old: WifiSecurity | undefined): WifiSecurity | undefined {
  if (settings.eap !== undefined) return 'wpa-eap';
  return settings.key === undefined ? undefined : (old ?? 'wpa-psk');
}

function applyOpen(profile: Keyfile, settings: WifiSettings): void {
  if (settings.key !== undefined)
    throw unfit('an open Wi-Fi network has no key', 'Leave out one of the two.');
  removeSecurity(profile);
}

function applyPreSharedKey(profile: Keyfile, settings: WifiSettings, security: 'wpa-psk' | 'sae'): void {
  const section = sectionOf(profile, 'wifi-security');
  if (settings.key === undefined && profile.get(section, 'psk') === undefined) {
    throw unfit(
      `a Wi-Fi network with ${security} needs a key`,
      'Give it with --wifi-key-stdin or --wifi-key-file.',
    );
  }
  if (settings.key !== undefined) accept(parseWifiKey(settings.key, security));
  if (security === 'wpa-psk') setDefault(profile, section, 'auth-alg', 'open');
  profile.set(section, 'key-mgmt', security);
  if (settings.key !== undefined) profile.set(section, 'psk', escapeString(settings.key));
}

function applyEnterprise(profile: Keyfile, settings: WifiSettings): void {
  profile.set(sectionOf(profile, 'wifi-security'), 'key-mgmt', 'wpa-eap');
  setEap(profile, settings.eap ?? {});
  if (settings.key !== undefined) {
    accept(parseWifiKey(settings.key, 'wpa-eap'));
    profile.set('802-1x', 'password', escapeString(settings.key));
  }
  for (const [key, option] of [
    ['identity', '--wifi-identity'],
    ['password', '--wifi-key-stdin'],
  ] as const) {
    if (profile.get('802-1x', key) !== undefined) continue;
    throw unfit(
      `a Wi-Fi network with wpa-eap needs ${key === 'identity' ? 'an identity' : 'a password'}`,
      `Give it with ${option}.`,
    );
  }
}

function setEap(profile: Keyfile, eap: EapSettings): void {
  const method = eap.method ?? profile.get('802-1x', 'eap')?.replace(/;$/, '') ?? 'peap';
  profile.set('802-1x', 'eap', encodeList([method]));
  setText(profile, 'identity', eap.identity);
  setText(profile, 'anonymous-identity', eap.anonymousIdentity);
  if (eap.caCertificate !== undefined) {
    // NetworkManager takes a certificate inside of the profile: nothing else has to reach the device.
    profile.set('802-1x', 'ca-cert', `data:;base64,${eap.caCertificate.toString('base64')}`);
  }
  if (method === 'pwd') profile.remove('802-1x', 'phase2-auth');
  else if (eap.phase2 === undefined) setDefault(profile, '802-1x', 'phase2-auth', 'mschapv2');
  else setText(profile, 'phase2-auth', eap.phase2);
}

function removeSecurity(profile: Keyfile): void {
  profile.removeGroup(sectionOf(profile, 'wifi-security'));
  profile.removeGroup('802-1x');
  profile.remove(sectionOf(profile, 'wifi'), 'security');
}

function applyAddress(profile: Keyfile, address: AddressSettings | undefined): void {
  if (address?.kind === 'automatic') for (const family of ['ipv4', 'ipv6']) setAddress(profile, family, {});
  if (address?.kind === 'static') {
    const gateway = address.gateway === undefined ? '' : `,${address.gateway}`;
    setAddress(profile, address.family, {
      method: 'manual',
      address1: `${address.address}${gateway}`,
      ...(address.dns.length > 0 && { dns: encodeList(address.dns) }),
    });
  }
  setDefault(profile, 'ipv4', 'method', 'auto');
  setDefault(profile, 'ipv6', 'addr-gen-mode', 'stable-privacy');
  setDefault(profile, 'ipv6', 'method', 'auto');
}

/** Without `values`: what DHCP and router advertisements say. Keys that mean something else, such as routes, stay. */
function setAddress(profile: Keyfile, family: string, values: Readonly<Record<string, string>>): void {
  for (const key of profile.keys(family)) {
    const isAddress = /^(?:address(?:es)?\d*|gateway|dns)$/.test(key);
    if (isAddress && !(key in values)) profile.remove(family, key);
  }
  for (const [key, value] of Object.entries({ method: 'auto', ...values })) profile.set(family, key, value);
}

function setText(profile: Keyfile, key: string, text: string | undefined): void {
  if (text !== undefined) profile.set('802-1x', key, escapeString(text));
}

function setDefault(profile: Keyfile, section: string, key: string, value: string): void {
  if (profile.get(section, key) === undefined) profile.set(section, key, value);
}

const unfit = (message: string, hint: string): RdtError =>
  new RdtError(message, { hint, exitCode: ExitCode.usage });

function accept(parsed: Parsed<string>): void {
  if (!parsed.ok) throw new RdtError(`the Wi-Fi key ${parsed.reason}`, { exitCode: ExitCode.usage });
}
