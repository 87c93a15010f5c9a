import { ExitCode, RdtError } from '../errors.js';
import {
  ADDRESS_FIELDS,
  connectionItem,
  dnsItem,
  FLAG_FIELDS,
  NETWORK_FIELDS,
  ntpItem,
  SETTING_FIELDS,
  sshKeyItem,
  type TextField,
  unsetItem,
} from '../image/given-fields.js';
import type { GivenSettings, GivenValue } from '../image/given-settings.js';
import { joinGiven } from '../image/given-settings.js';
import { parseJsonText, parseKeyPath } from '../image/setting-values.js';
import { accepted, type Parsed } from '../project/parsed.js';

/** What commander makes of the options below; undefined for what was not given. */
export type ConfigureFlags = Readonly<Record<string, unknown>>;

/**
 * The settings among the flags, files not read yet; paths begin in `cwd`.
 * Throws an `RdtError` (usage) that names the option, never the value of a secret.
 */
export function parseConfigureOptions(flags: ConfigureFlags, cwd: string): GivenSettings {
  return new FlagReader(flags, cwd).settings();
}

class FlagReader {
  readonly #flags: ConfigureFlags;
  readonly #cwd: string;

  constructor(flags: ConfigureFlags, cwd: string) {
    this.#flags = flags;
    this.#cwd = cwd;
  }

  settings(): GivenSettings {
    this.#refuseTwoKeys();
    const parts: GivenSettings[] = [
      ...this.#texts('', SETTING_FIELDS),
      ...this.#texts('', ADDRESS_FIELDS).map((address) => ({ address })),
      ...this.#texts('wifi-', NETWORK_FIELDS).map((wifi) => ({ wifi })),
      ...this.#booleans(),
      ...(this.#flags['wifiKeyStdin'] === true ? [{ wifi: { key: { kind: 'stdin' } as const } }] : []),
      ...this.#list('ntp', ntpItem, (ntp) => ({ ntp })),
      ...this.#list('dns', dnsItem, (dns) => ({ dns })),
      ...this.#list('ssh-key', sshKeyItem, (sshKeys) => ({ sshKeys })),
      ...this.#list('connection', connectionItem, (connections) => ({ connections })),
      ...this.#list('set', parseAssignment, (set) => ({ set })),
      ...this.#list('unset', unsetItem, (unset) => ({ unset })),
    ];
    return parts.reduce(joinGiven, {});
  }

  #texts<T>(prefix: string, fields: Readonly<Record<string, TextField<T>>>): T[] {
    return Object.entries(fields).flatMap(([name, field]) => {
      const text = this.#flags[camelCase(prefix + name)];
      return typeof text === 'string' ? [this.#accept(prefix + name, field(text, this.#cwd))] : [];
    });
  }

  #booleans(): GivenSettings[] {
    return Object.entries(FLAG_FIELDS).flatMap(([name, wrap]) => {
      const value = this.#flags[camelCase(name)];
      return typeof value === 'boolean' ? [wrap(value)] : [];
    });
  }

  #list<T>(name: string, item: TextField<T>, wrap: (items: T[]) => GivenSettings): GivenSettings[] {
    const texts = this.#flags[camelCase(name)];
    if (!Array.isArray(texts)) return [];
    return [wrap(texts.map((text) => this.#accept(name, item(String(text), this.#cwd))))];
  }

  #refuseTwoKeys(): void {
    for (const names of [
      ['wifi-key', 'wifi-key-stdin', 'wifi-key-file'],
      ['wifi-ssid', 'wifi-ssid-hex'],
    ]) {
      const given = names.filter((name) => this.#flags[camelCase(name)] !== undefined);
      if (given.length > 1) throw usage(`--${given.join(' and --')} exclude each other`);
    }
  }

  #accept<T>(name: string, parsed: Parsed<T>): T {
    if (parsed.ok) return parsed.value;
    throw usage(`--${name} ${parsed.reason}`);
  }
}

/** `os.fan.profile="cool"`: the key ends at the first `=` outside of quotes. */
function parseAssignment(text: string): Parsed<GivenValue> {
  const [, key = text, value = ''] = /^((?:"[^"]*"|[^"=])+)=(.*)$/s.exec(text) ?? [];
  const path = parseKeyPath(key.trim());
  if (!path.ok) return path;
  const json = parseJsonText(value.trim());
  return json.ok ? accepted({ path: path.value, json: json.value }) : json;
}

const camelCase = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const usage = (message: string): RdtError => new RdtError(message, { exitCode: ExitCode.usage });
