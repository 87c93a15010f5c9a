import { RdtError } from '../errors.js';
import { isSecretKey } from './config-keys.js';
import { CONFIG_FILE } from './boot-paths.js';
import { canonical } from './json-edit.js';
import { type JsonNode, parseJson } from './json-parse.js';
import { Keyfile } from './keyfile.js';
import { sectionOf } from './keyfile-profile.js';
import { decodeSsid, unescapeString } from './keyfile-values.js';

export const MASK = '********';

/** One setting in a file, fit to be shown. */
export interface Entry {
  /** `os.sshKeys`, `wifi.ssid`. */
  readonly key: string;
  /** Masked when it is a secret. JSON for config.json, text for profiles. */
  readonly shown: string;
  /** What it really is: to see whether it changed, never to be shown. */
  readonly secret: string;
}

/** What a file of the boot partition sets. Throws an `RdtError` when it cannot be read as what it is. */
export function entriesOf(path: string, content: Buffer): readonly Entry[] {
  const text = content.toString();
  const file = path.slice(1);
  return path === CONFIG_FILE
    ? jsonEntries(text, parseJson(text, file))
    : profileEntries(Keyfile.parse(text, file));
}

/** As `entriesOf`; a file that makes no sense sets nothing that could be shown. */
export function knownEntries(path: string, content: Buffer): readonly Entry[] {
  try {
    return entriesOf(path, content);
  } catch (error) {
    if (error instanceof RdtError) return [];
    throw error;
  }
}

/** Objects are followed, lists are shown as a whole. */
function jsonEntries(text: string, node: JsonNode, path: readonly string[] = [], isSecret = false): Entry[] {
  if (node.kind === 'object' && (node.members.length > 0 || path.length === 0)) {
    return node.members.flatMap(({ key, value }) =>
      jsonEntries(text, value, [...path, key], isSecret || isSecretKey(key)),
    );
  }
  const shown = isSecret ? MASK : maskedValue(text, node);
  return [{ key: path.map(dotted).join('.'), shown, secret: canonical(text, node) }];
}

/** config.json as JSON on one line, secrets masked, all numbers with their digits. */
export function maskedJson(text: string, file: string): string {
  return maskedValue(text, parseJson(text, file));
}

function maskedValue(text: string, node: JsonNode, isSecret = false): string {
  if (node.kind === 'object') {
    const members = node.members.map(
      ({ key, value }) => `${JSON.stringify(key)}:${maskedValue(text, value, isSecret || isSecretKey(key))}`,
    );
    return `{${members.join(',')}}`;
  }
  if (node.kind === 'array' && !isSecret) {
    return `[${node.items.map((item) => maskedValue(text, item)).join(',')}]`;
  }
  return isSecret ? JSON.stringify(MASK) : canonical(text, node);
}

const dotted = (key: string): string => (/[".=\s]/.test(key) ? JSON.stringify(key) : key);

const SECRET_PROFILE_KEY =
  /^(?:psk|pin|.*password|.*password-raw|wep-key\d|secret|.*private-key|.*preshared-key|passphrase|mka-cak)$/;
const SECRET_GROUP = /secrets$/;

function profileEntries(profile: Keyfile): Entry[] {
  return profile.groups().flatMap((group) =>
    profile.keys(group).map((key) => {
      const raw = profile.get(group, key) ?? '';
      const isSecret = SECRET_PROFILE_KEY.test(key) || SECRET_GROUP.test(group);
      const isSsid = key === 'ssid' && group === sectionOf(profile, 'wifi');
      const shown = printable(isSsid ? decodeSsid(raw)?.toString() : unescapeString(raw)) ?? raw;
      return { key: `${group}.${key}`, shown: isSecret ? MASK : shown, secret: raw };
    }),
  );
}

/** Undefined for what a terminal could not show as it is. */
const printable = (text: string | undefined): string | undefined =>
  text === undefined || /[\p{Cc}\ufffd]/u.test(text) ? undefined : text;
