import { nearestKey } from './nearest-key.js';
import { accepted, type Parsed, refused } from './parsed.js';
import { parseTriggerPath } from './paths.js';
import { clashingPorts, formatPort } from './ports.js';
import type { Problem, YamlPath } from './problem.js';
import { APP_KEYS, type ReadKey, TOP_KEYS } from './project-keys.js';
import type { GivenSettings } from './settings.js';
import { YamlReader } from './yaml-reader.js';
import { isList, isMap, kindOf, textOf, type YamlMap, type YamlValue } from './yaml-value.js';

export type SectionName = 'local_resinos' | 'local_balenaos';

/** A build trigger as the file names it; without a hash when it did not exist at the last push, or was added by hand since. */
export interface SavedTrigger {
  readonly path: string;
  /** SHA-256 of its bytes at the last push: 64 lower-case hex digits. */
  readonly sha256: string | undefined;
}

export interface CheckedProject {
  /** The section that is there, or the preferred one. */
  readonly section: SectionName;
  readonly settings: GivenSettings;
  /** Undefined when the file has no `build-triggers`. */
  readonly triggers: readonly SavedTrigger[] | undefined;
  readonly problems: readonly Problem[];
}

const SECTIONS: readonly SectionName[] = ['local_resinos', 'local_balenaos'];
/** Written by `resin sync` for cloud devices into the same file: not ours, and not a mistake. */
const FOREIGN_KEYS = new Set(['uuid', 'port']);
const TRIGGERS_KEY = 'build-triggers';
const TOP_NAMES = [...Object.keys(TOP_KEYS), ...SECTIONS];
const APP_NAMES = [...Object.keys(APP_KEYS), TRIGGERS_KEY];

/** Reads a parsed project file into exact types. Never throws: what is wrong is among the problems. */
export function checkProject(data: YamlValue, preferred: SectionName): CheckedProject {
  const reader = new YamlReader();
  const top = mapOrRefuse(reader, data, []);
  const section = chooseSection(reader, top, preferred);
  const app = mapOrRefuse(reader, top[section] ?? null, [section]);
  const settings = { ...readTop(reader, top), ...readApp(reader, app, section) };
  const triggers = readTriggerList(reader, app[TRIGGERS_KEY] ?? null, [section, TRIGGERS_KEY]);
  const buildTriggers = triggers?.map((trigger) => trigger.path);
  checkPorts(reader, settings, section);
  return { section, settings: { ...settings, buildTriggers }, triggers, problems: reader.problems };
}

/** An empty file, or an empty section, says nothing; that is not a mistake. */
function mapOrRefuse(reader: YamlReader, value: YamlValue, path: YamlPath): YamlMap {
  if (value === null) return {};
  if (isMap(value)) return value;
  reader.refuse(path, `must be a map of keys, and is ${kindOf(value)}`);
  return {};
}

function chooseSection(reader: YamlReader, top: YamlMap, preferred: SectionName): SectionName {
  const present = SECTIONS.filter((name) => Object.hasOwn(top, name));
  const chosen = present.includes(preferred) ? preferred : (present[0] ?? preferred);
  for (const other of present.filter((name) => name !== chosen)) {
    reader.warn([other], `${other} is ignored, because this file has ${chosen} too`, 'key');
  }
  return chosen;
}

function readTop(reader: YamlReader, top: YamlMap): GivenSettings {
  const rest = Object.entries(top).filter(([key]) => !TOP_NAMES.includes(key) && !FOREIGN_KEYS.has(key));
  for (const [key] of rest) reader.warn([key], unknownTopKey(key), 'key');
  return readKeys(reader, top, TOP_KEYS, []);
}

function readApp(reader: YamlReader, app: YamlMap, section: SectionName): GivenSettings {
  const unknown = Object.keys(app).filter((key) => !APP_NAMES.includes(key));
  for (const key of unknown) reader.warn([section, key], unknownAppKey(key, section), 'key');
  refuseTwoPolicies(reader, app, section);
  return readKeys(reader, app, APP_KEYS, [section]);
}

/** A key without a value says nothing, as if it were not there. */
function readKeys(
  reader: YamlReader,
  map: YamlMap,
  keys: Readonly<Record<string, ReadKey>>,
  path: YamlPath,
): GivenSettings {
  let settings: GivenSettings = {};
  for (const [key, read] of Object.entries(keys)) {
    const value = Object.hasOwn(map, key) ? map[key] : null;
    if (value !== null && value !== undefined)
      settings = { ...settings, ...read(reader, value, [...path, key]) };
  }
  return settings;
}

function unknownTopKey(key: string): string {
  if (key === 'source')
    return `'source' is ignored here: the source is the folder of this file; choose another with --source`;
  if (APP_NAMES.includes(key)) return `'${key}' is ignored here: it belongs under local_resinos`;
  return unknownKey(key, nearestKey(key, TOP_NAMES));
}

function unknownAppKey(key: string, section: SectionName): string {
  if (Object.hasOwn(TOP_KEYS, key))
    return `'${key}' is ignored here: it belongs at the top of the file, outside ${section}`;
  return unknownKey(key, nearestKey(key, APP_NAMES));
}

const unknownKey = (key: string, nearest: string | undefined): string =>
  `unknown key '${key}' is ignored${nearest === undefined ? '' : `; did you mean '${nearest}'?`}`;

/** `restart` with a word of the engine and `restart-policy` say the same thing twice. */
function refuseTwoPolicies(reader: YamlReader, app: YamlMap, section: SectionName): void {
  const word = textOf(app['restart'] ?? null);
  const policy = textOf(app['restart-policy'] ?? null);
  if (word === undefined || policy === undefined || word === policy) return;
  if (/^(no|always|unless-stopped|on-failure.*)$/.test(word)) {
    reader.refuse(
      [section, 'restart'],
      `is '${word}', but restart-policy says '${policy}': keep one of them`,
    );
  }
}

function checkPorts(reader: YamlReader, settings: GivenSettings, section: SectionName): void {
  const { network = '', ports = [] } = settings;
  if (ports.length === 0) return;
  if (/^(host$|none$|container:)/.test(network)) {
    reader.warn([section, 'ports'], `ports have no effect with network: ${network}`, 'key');
    return;
  }
  const [one, other] = clashingPorts(ports) ?? [];
  if (one === undefined || other === undefined) return;
  const which = `port ${other.hostPort} of the device twice: ${formatPort(one)} and ${formatPort(other)}`;
  reader.refuse([section, 'ports'], `would give the app ${which}`);
}

/** A list of single-key maps path -> sha256, as the original saves it; a bare path is one without a hash yet. */
function readTriggerList(
  reader: YamlReader,
  value: YamlValue,
  path: YamlPath,
): readonly SavedTrigger[] | undefined {
  if (value === null) return undefined;
  const wrong = `must be a list, and is ${kindOf(value)}`;
  const list = reader.accept(isList(value) ? accepted(value) : refused(wrong), path);
  return list
    ?.map((item, index) => readTrigger(reader, item, [...path, index]))
    .filter((item) => item !== undefined);
}

function readTrigger(reader: YamlReader, item: YamlValue, path: YamlPath): SavedTrigger | undefined {
  if (!isMap(item)) {
    const bare = reader.scalar(item, path, parseTriggerPath);
    return bare === undefined ? undefined : { path: bare, sha256: undefined };
  }
  const [entry, ...more] = Object.entries(item);
  if (entry === undefined || more.length > 0) {
    reader.refuse(path, 'must be one path with its hash');
    return undefined;
  }
  const trigger = reader.accept(parseTriggerPath(entry[0]), path);
  const hash = reader.accept(parseHash(entry[1]), [...path, entry[0]]);
  return trigger === undefined || hash === undefined ? undefined : { path: trigger, sha256: hash.sha256 };
}

/** An empty hash is that of a trigger which did not exist. */
function parseHash(value: YamlValue): Parsed<{ readonly sha256: string | undefined }> {
  if (value === null) return accepted({ sha256: undefined });
  const sha256 = textOf(value)?.toLowerCase() ?? '';
  if (/^[0-9a-f]{64}$/.test(sha256)) return accepted({ sha256 });
  return refused('must be a sha256 of 64 hex digits; remove the hash to build again');
}
