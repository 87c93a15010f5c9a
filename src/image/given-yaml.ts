import { nearestKey } from '../project/nearest-key.js';
import type { Problem, YamlPath } from '../project/problem.js';
import { YamlReader } from '../project/yaml-reader.js';
import { isList, isMap, kindOf, textOf, type YamlValue } from '../project/yaml-value.js';
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
} from './given-fields.js';
import { type GivenNetwork, type GivenSettings, type GivenValue, joinGiven } from './given-settings.js';
import { parseKeyPath } from './setting-values.js';
import { yamlToJson } from './yaml-to-json.js';

type ReadKey = (value: YamlValue, path: YamlPath) => GivenSettings | undefined;

/**
 * Reads a settings file: its keys are the long options of `rdt configure`, plus `networks` (each with the `--wifi-*` options without
 * `wifi-`, and its own addresses) and `ethernet`. `folder` is where paths in it begin. Only without problems is the result whole.
 */
export function readGivenYaml(
  value: YamlValue,
  folder: string,
): { given: GivenSettings; problems: readonly Problem[] } {
  const reading = new Reading(folder);
  return { given: reading.settings(value), problems: reading.reader.problems };
}

class Reading {
  readonly reader = new YamlReader();
  readonly #folder: string;
  readonly #keys: Readonly<Record<string, ReadKey>>;

  constructor(folder: string) {
    this.#folder = folder;
    this.#keys = { ...this.#textKeys(), ...this.#flagKeys(), ...this.#listKeys() };
  }

  settings(value: YamlValue): GivenSettings {
    if (value === null) return {};
    if (!isMap(value)) {
      this.reader.refuse([], `must be a map of settings, and is ${kindOf(value)}`);
      return {};
    }
    let given: GivenSettings = {};
    for (const [key, item] of Object.entries(value)) {
      const read = Object.hasOwn(this.#keys, key) ? this.#keys[key] : undefined;
      if (read === undefined) this.#unknown([key], Object.keys(this.#keys));
      else given = joinGiven(given, read(item, [key]) ?? {});
    }
    if (given.wifi !== undefined && given.networks !== undefined) {
      this.reader.refuse(['networks'], 'cannot stand beside wifi-... keys: list that network too', 'key');
    }
    return given;
  }

  #textKeys(): Record<string, ReadKey> {
    const settings = mapValues(SETTING_FIELDS, (field) => this.#text(field, (given) => given));
    const address = mapValues(ADDRESS_FIELDS, (field) => this.#text(field, (part) => ({ address: part })));
    const wifi = mapValues(NETWORK_FIELDS, (field) => this.#text(field, (part) => ({ wifi: part })));
    return { ...settings, ...address, ...prefixed('wifi-', wifi) };
  }

  #flagKeys(): Record<string, ReadKey> {
    return mapValues(FLAG_FIELDS, (wrap) => (value, path) => {
      const flag = this.reader.boolean(value, path);
      return flag === undefined ? undefined : wrap(flag);
    });
  }

  #listKeys(): Record<string, ReadKey> {
    return {
      ntp: (value, path) => ({ ntp: this.#list(value, path, ntpItem) }),
      dns: (value, path) => ({ dns: this.#list(value, path, dnsItem) }),
      'ssh-key': (value, path) => ({ sshKeys: this.#list(value, path, sshKeyItem) }),
      connection: (value, path) => ({ connections: this.#list(value, path, connectionItem) }),
      unset: (value, path) => ({ unset: this.#list(value, path, unsetItem) }),
      set: (value, path) => ({ set: this.#values(value, path) }),
      networks: (value, path) => ({ networks: this.#networks(value, path) }),
      ethernet: (value, path) => ({ ethernet: this.#fields(value, path, ADDRESS_FIELDS, {}) }),
    };
  }

  #text<T>(field: TextField<T>, wrap: (part: T) => GivenSettings): ReadKey {
    return (value, path) => {
      const part = this.reader.scalar(value, path, (text) => field(text, this.#folder));
      return part === undefined ? undefined : wrap(part);
    };
  }

  /** One item may stand without its list. */
  #list<T>(value: YamlValue, path: YamlPath, item: TextField<T>): readonly T[] {
    const items = textOf(value) === undefined ? value : [value];
    return this.reader.list(items, path, (text) => item(text, this.#folder)) ?? [];
  }

  #networks(value: YamlValue, path: YamlPath): readonly GivenNetwork[] {
    if (!isList(value)) {
      this.reader.refuse(path, `must be a list of networks, and is ${kindOf(value)}`);
      return [];
    }
    return value.map((item, index) => {
      const network = this.#fields(
        item,
        [...path, index],
        { ...NETWORK_FIELDS, ...ADDRESS_FIELDS },
        { hidden: true },
      );
      if (isMap(item) && network.ssid === undefined) this.reader.refuse([...path, index], 'has no ssid');
      return network;
    });
  }

  /** A map of texts, with `dns`, and `hidden` where that is allowed. */
  #fields(
    value: YamlValue,
    path: YamlPath,
    fields: Readonly<Record<string, TextField<GivenNetwork>>>,
    { hidden = false }: { hidden?: boolean },
  ): GivenNetwork {
    if (!isMap(value)) {
      this.reader.refuse(path, `must be a map, and is ${kindOf(value)}`);
      return {};
    }
    let network: GivenNetwork = {};
    for (const [key, item] of Object.entries(value)) {
      const at = [...path, key];
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (field !== undefined)
        network = { ...network, ...this.reader.scalar(item, at, (text) => field(text, this.#folder)) };
      else if (key === 'dns') network = { ...network, dns: this.#list(item, at, dnsItem) };
      else if (key === 'hidden' && hidden)
        network = { ...network, ...hiddenFlag(this.reader.boolean(item, at)) };
      else this.#unknown(at, [...Object.keys(fields), 'dns', ...(hidden ? ['hidden'] : [])]);
    }
    return network;
  }

  #values(value: YamlValue, path: YamlPath): readonly GivenValue[] {
    if (!isMap(value)) {
      this.reader.refuse(path, `must be a map of keys of config.json, and is ${kindOf(value)}`);
      return [];
    }
    return Object.entries(value).flatMap(([key, item]) => {
      const keyPath = this.reader.accept(parseKeyPath(key), [...path, key]);
      const json = this.reader.accept(yamlToJson(item), [...path, key]);
      return keyPath === undefined || json === undefined ? [] : [{ path: keyPath, json }];
    });
  }

  #unknown(path: YamlPath, known: readonly string[]): void {
    const guess = nearestKey(String(path.at(-1)), known);
    const help = guess === undefined ? `there are ${known.join(', ')}` : `did you mean ${guess}?`;
    this.reader.refuse(path, `is not a setting; ${help}`, 'key');
  }
}

const hiddenFlag = (hidden: boolean | undefined): GivenNetwork => (hidden === undefined ? {} : { hidden });

const mapValues = <T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));

const prefixed = <T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [prefix + key, value]));
