import { accepted, type Parsed, refused } from '../project/parsed.js';
import { findNode, type KeyPath } from './json-edit.js';
import type { JsonNode } from './json-parse.js';
import { parseCountry, parseHostname, parseSshKey } from './setting-values.js';

type Check = (node: JsonNode) => Parsed<unknown>;

const text: Check = (node) => (node.kind === 'string' ? accepted(node) : refused('must be a text in quotes'));

const flag: Check = (node) =>
  node.kind === 'literal' && node.value !== null ? accepted(node) : refused('must be true or false');

const number: Check = (node) =>
  node.kind === 'number' || (node.kind === 'string' && /^\d+$/.test(node.value))
    ? accepted(node)
    : refused('must be a number');

const textThat =
  (parse: (text: string) => Parsed<unknown>): Check =>
  (node) =>
    node.kind === 'string' ? parse(node.value) : text(node);

const base64: Check = textThat((value) =>
  /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(value)
    ? accepted(value)
    : refused('must be a PEM certificate in base64'),
);

const listOf =
  (check: Check): Check =>
  (node) =>
    node.kind === 'array'
      ? (node.items.map(check).find((result) => !result.ok) ?? accepted(node))
      : refused('must be a list in [ ]');

const mapOf =
  (check: Check): Check =>
  (node) =>
    node.kind === 'object'
      ? (node.members.map(({ value }) => check(value)).find((result) => !result.ok) ?? accepted(node))
      : refused('must be an object in { }');

/** The keys that devices without a cloud service read (device-facts); every other one is somebody else's. */
const CHECKS: readonly (readonly [path: KeyPath, check: Check])[] = [
  [['hostname'], textThat(parseHostname)],
  [['persistentLogging'], flag],
  [['country'], textThat(parseCountry)],
  [['ntpServers'], text],
  [['dnsServers'], text],
  [['balenaRootCA'], base64],
  [['developmentMode'], flag],
  [['os', 'sshKeys'], listOf(textThat(parseSshKey))],
  [['os', 'udevRules'], mapOf(text)],
  [['os', 'network', 'wifi', 'randomMacAddressScan'], flag],
  [['os', 'network', 'connectivity', 'uri'], text],
  [['os', 'network', 'connectivity', 'interval'], number],
  [['os', 'network', 'connectivity', 'response'], text],
  [['os', 'fan', 'profile'], text],
  [['os', 'power', 'mode'], text],
];

/** What a value at `path` would break: refused with the key and the reason, where a key we know gets a value it cannot have. */
export function checkConfigValue(path: KeyPath, value: JsonNode): Parsed<JsonNode> {
  for (const [known, check] of CHECKS) {
    const isInside = path.every((key, index) => known[index] === key);
    const node = isInside ? findNode(value, known.slice(path.length)) : undefined;
    const result = node === undefined ? accepted(node) : check(node);
    if (!result.ok) return refused(`${known.join('.')} ${result.reason}`);
  }
  return accepted(value);
}

/** Keys of services: whoever knows the value can act as this device or its owner. */
const SECRET_KEY =
  /(?:(?:api|access|auth|encryption|private|wifi)_?keys?|tokens?|secrets?|passwords?|passphrase|psk|credentials?)$/i;

export const isSecretKey = (key: string): boolean => SECRET_KEY.test(key) || key === 'network/network.config';
