import { parseAppName } from './app-name.js';
import { splitCommand } from './command-words.js';
import { parseDevice } from './devices.js';
import { parseDurationMs } from './duration.js';
import { lastOfEachName } from './environment.js';
import { parseNetwork } from './network.js';
import { accepted, refused } from './parsed.js';
import { parseDestination, parseIgnorePattern } from './paths.js';
import { readOnChange } from './on-change.js';
import { parsePorts } from './ports.js';
import type { YamlPath } from './problem.js';
import { parseRestart, parseRestartPolicy } from './restart.js';
import type { GivenSettings } from './settings.js';
import { parseVolume } from './volumes.js';
import type { YamlReader } from './yaml-reader.js';
import { isList, type YamlValue } from './yaml-value.js';

export type ReadKey = (reader: YamlReader, value: YamlValue, path: YamlPath) => GivenSettings;

/** The keys at the top of a project file: names as in the help of `rdt push`. */
export const TOP_KEYS: Readonly<Record<string, ReadKey>> = {
  destination: (reader, value, path) => ({ destination: reader.scalar(value, path, parseDestination) }),
  before: (reader, value, path) => ({ before: reader.text(value, path) }),
  after: (reader, value, path) => ({ after: reader.text(value, path) }),
  ignore: (reader, value, path) => ({ ignore: reader.list(value, path, parseIgnorePattern) }),
  'skip-gitignore': (reader, value, path) => ({ skipGitignore: reader.boolean(value, path) }),
  progress: (reader, value, path) => ({ progress: reader.boolean(value, path) }),
  verbose: (reader, value, path) => ({ verbose: reader.boolean(value, path) }),
  'skip-logs': (reader, value, path) => ({ skipLogs: reader.boolean(value, path) }),
};

/** The keys of `local_resinos`, without `build-triggers`: that one carries hashes as well. */
export const APP_KEYS: Readonly<Record<string, ReadKey>> = {
  'app-name': (reader, value, path) => ({ appName: reader.scalar(value, path, parseAppName) }),
  environment: readEnvironment,
  ports: (reader, value, path) => ({ ports: reader.list(value, path, parsePorts)?.flat() }),
  volumes: (reader, value, path) => ({ volumes: reader.list(value, path, parseVolume) }),
  devices: (reader, value, path) => ({ devices: reader.list(value, path, parseDevice) }),
  privileged: (reader, value, path) => ({ privileged: reader.boolean(value, path) }),
  network: (reader, value, path) => ({ network: reader.scalar(value, path, parseNetwork) }),
  tty: (reader, value, path) => ({ tty: reader.boolean(value, path) }),
  restart: readRestart,
  'restart-policy': (reader, value, path) => ({
    restartPolicy: reader.scalar(value, path, parseRestartPolicy),
  }),
  'stop-grace': (reader, value, path) => ({ stopGraceMs: reader.scalar(value, path, parseDurationMs) }),
  command: readCommand,
  'on-change': (reader, value, path) => ({ onChange: readOnChange(reader, value, path) }),
};

function readEnvironment(reader: YamlReader, value: YamlValue, path: YamlPath): GivenSettings {
  const given = reader.environment(value, path);
  if (given === undefined) return {};
  const environment = lastOfEachName(given);
  if (environment.length < given.length)
    reader.warn(path, 'environment names a variable twice: the last value counts');
  return { environment };
}

/** `restart` names the engine's policy (issue 2) and what happens after a sync (issue 5): docs/decisions tells why both. */
function readRestart(reader: YamlReader, value: YamlValue, path: YamlPath): GivenSettings {
  const restart = reader.scalar(value, path, parseRestart);
  if (restart === undefined) return {};
  return restart.meaning === 'policy' ? { restartPolicy: restart.policy } : { afterSync: restart.afterSync };
}

/** A list is taken word by word; a text is split as a shell would. */
function readCommand(reader: YamlReader, value: YamlValue, path: YamlPath): GivenSettings {
  if (!isList(value)) return { command: reader.scalar(value, path, splitCommand) };
  const words = reader.accept(value.length > 0 ? accepted(value) : refused('must not be empty'), path);
  return words === undefined ? {} : { command: reader.list(words, path, accepted) };
}
