import { isIP, isIPv4, isIPv6 } from 'node:net';
import { RdtError } from '../errors.js';
import { accepted, type Parsed, quoted, refused } from '../project/parsed.js';
import { COUNTRIES } from './countries.js';
import type { KeyPath } from './json-edit.js';
import { parseJson } from './json-parse.js';

/** Linux takes host names up to this length. */
const MAX_HOSTNAME = 64;
const LABEL = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;
const MAX_SSID_BYTES = 32;
const SSH_KEY_TYPES =
  /^(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;

/** RFC 1123. */
export function parseHostname(text: string): Parsed<string> {
  const isValid = text.length <= MAX_HOSTNAME && text.split('.').every((label) => LABEL.test(label));
  if (isValid) return accepted(text);
  return refused(
    `must be 1 to ${MAX_HOSTNAME} letters, digits and hyphens (no hyphen at either end), and is ${quoted(text)}`,
  );
}

/** ISO 3166-1 alpha-2, answered in capitals. */
export function parseCountry(text: string): Parsed<string> {
  const code = text.toUpperCase();
  if (COUNTRIES.has(code)) return accepted(code);
  return refused(`must be a country code of two letters, such as DE or US, and is ${quoted(text)}`);
}

/** A host name or an address. */
export function parseServer(text: string): Parsed<string> {
  if (isIP(text) !== 0) return accepted(text);
  const isName = text.length <= 253 && text.split('.').every((label) => LABEL.test(label));
  const looksLikeAddress = /^[\d.]+$/.test(text);
  return isName && !looksLikeAddress
    ? accepted(text)
    : refused(`must be a host name or an IP address, and is ${quoted(text)}`);
}

export const parseIpAddress = (text: string): Parsed<string> =>
  isIP(text) === 0 || text.includes('%')
    ? refused(`must be an IP address, and is ${quoted(text)}`)
    : accepted(text);

export interface StaticAddress {
  readonly family: 'ipv4' | 'ipv6';
  /** With prefix length. */
  readonly address: string;
}

/** `192.168.1.4/24`, `fd00::4/64`, or `auto` for what the network assigns. */
export function parseStaticIp(text: string): Parsed<StaticAddress | 'auto'> {
  if (text === 'auto') return accepted(text);
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (isIPv4(address) && Number(prefix) >= 1 && Number(prefix) <= 32) {
    return accepted({ family: 'ipv4', address: text });
  }
  if (isIPv6(address) && !address.includes('%') && Number(prefix) >= 1 && Number(prefix) <= 128) {
    return accepted({ family: 'ipv6', address: text });
  }
  return refused(
    `must be an address with its prefix length, such as 192.168.1.4/24, or auto, and is ${quoted(text)}`,
  );
}

export function parseSsid(text: string): Parsed<Buffer> {
  const ssid = Buffer.from(text);
  if (ssid.length >= 1 && ssid.length <= MAX_SSID_BYTES) return accepted(ssid);
  return refused(`must have 1 to ${MAX_SSID_BYTES} bytes, and has ${ssid.length}`);
}

export function parseHexSsid(text: string): Parsed<Buffer> {
  if (/^(?:[0-9a-fA-F]{2}){1,32}$/.test(text)) return accepted(Buffer.from(text, 'hex'));
  return refused(
    `must be 1 to ${MAX_SSID_BYTES} bytes in hexadecimal, such as 42fc726f, and is ${quoted(text)}`,
  );
}

/**
 * As wpa_supplicant takes them: a WPA passphrase, or the 256-bit key itself in hex. An SAE password or one of wpa-eap may be short, and
 * hexadecimal digits in it are just letters. The reason never repeats the key.
 */
export function parseWifiKey(text: string, security: 'wpa-psk' | 'sae' | 'wpa-eap'): Parsed<string> {
  if (/\p{Cc}/u.test(text)) return refused('must not have control characters such as line breaks');
  const length = Buffer.byteLength(text);
  if (security !== 'wpa-psk') {
    return length >= 1 && length <= 127
      ? accepted(text)
      : refused(`must have 1 to 127 bytes, and has ${length}`);
  }
  const fits = (length >= 8 && length <= 63) || /^[0-9a-fA-F]{64}$/.test(text);
  return fits
    ? accepted(text)
    : refused(`must have 8 to 63 bytes, or 64 hexadecimal digits, and has ${length}`);
}

export const parseWord =
  <T extends string>(words: readonly T[]) =>
  (text: string): Parsed<T> => {
    const word = words.find((other) => other === text);
    return word === undefined
      ? refused(`must be one of ${words.join(', ')}, and is ${quoted(text)}`)
      : accepted(word);
  };

/** The range that NetworkManager allows for `autoconnect-priority`. */
export function parsePriority(text: string): Parsed<number> {
  if (/^-?\d{1,3}$/.test(text)) return accepted(Number(text));
  return refused(`must be a whole number from -999 to 999, and is ${quoted(text)}`);
}

/** One line of text without control characters. */
export const parseLine = (text: string): Parsed<string> =>
  text.length > 0 && !/\p{Cc}/u.test(text)
    ? accepted(text)
    : refused('must be one line of text, and not empty');

/** A line of `authorized_keys`: type, key, comment. */
export function parseSshKey(text: string): Parsed<string> {
  const [type = '', blob = ''] = text.split(' ');
  const bytes = Buffer.from(blob, 'base64');
  const length = bytes.length > 4 ? bytes.readUInt32BE(0) : 0;
  const isWhole = /^[A-Za-z0-9+/]+={0,2}$/.test(blob) && bytes.toString('latin1', 4, 4 + length) === type;
  if (SSH_KEY_TYPES.test(type) && isWhole && !/\p{Cc}/u.test(text)) return accepted(text);
  const what = text.includes('PRIVATE KEY')
    ? 'is a private key (give the .pub file)'
    : `begins ${quoted(type)}`;
  return refused(`must be a public SSH key such as "ssh-ed25519 AAAA... name", and ${what}`);
}

/** `os.network.wifi`, with `"..."` around a key that has a dot in it. */
export function parseKeyPath(text: string): Parsed<KeyPath> {
  const segment = /(?:"[^"\\]*"|[^".=\s]+)/y;
  const path: string[] = [];
  for (let at = 0; at <= text.length; at = segment.lastIndex + 1) {
    segment.lastIndex = at;
    const match = segment.exec(text)?.[0];
    if (match === undefined || !['.', undefined].includes(text[segment.lastIndex])) break;
    path.push(match.startsWith('"') ? match.slice(1, -1) : match);
    if (segment.lastIndex === text.length) return accepted(path);
  }
  return refused(`must be a key such as os.fan.profile, and is ${quoted(text)}`);
}

/** Any JSON value, as it was written. */
export function parseJsonText(text: string): Parsed<string> {
  try {
    const node = parseJson(text, 'value');
    return accepted(text.slice(node.start, node.end));
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return refused(`must be a JSON value: texts need their quotes, as in 'hostname="kitchen"'`);
  }
}
