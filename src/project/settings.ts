import { basename } from 'node:path';
import { slugifyAppName } from './app-name.js';
import type { DeviceMapping } from './devices.js';
import type { EnvironmentVariable } from './environment.js';
import type { OnChangeRule } from './on-change.js';
import type { PortMapping } from './ports.js';
import type { AfterSync, RestartPolicy } from './restart.js';
import type { VolumeMapping } from './volumes.js';

/** What a push can be told, by a flag or by the project file. */
export interface Settings {
  /** Where the source goes in the container: absolute, normal form, never `/`. */
  readonly destination: string;
  /** Shell commands for the developer's machine, run in the source folder. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Patterns in the syntax of .gitignore, rooted at the source. */
  readonly ignore: readonly string[];
  readonly skipGitignore: boolean;
  readonly progress: boolean;
  readonly verbose: boolean;
  readonly skipLogs: boolean;
  /** Name of the image and of the container. */
  readonly appName: string;
  /** Paths relative to the source, `/` between names; `Dockerfile` and `package.json` are triggers without being named. */
  readonly buildTriggers: readonly string[];
  readonly environment: readonly EnvironmentVariable[];
  readonly ports: readonly PortMapping[];
  readonly volumes: readonly VolumeMapping[];
  readonly devices: readonly DeviceMapping[];
  readonly privileged: boolean;
  /** The engine's `NetworkMode`. */
  readonly network: string;
  readonly tty: boolean;
  /** The engine's restart policy. */
  readonly restartPolicy: RestartPolicy;
  /** What happens to the app after a sync. */
  readonly afterSync: AfterSync;
  /** From asking the app to end to killing it. */
  readonly stopGraceMs: number;
  /** Replaces the image's command; undefined keeps it. */
  readonly command: readonly string[] | undefined;
  /** Run in the container after a sync that changed what they name, before the app is restarted. */
  readonly onChange: readonly OnChangeRule[];
}

/** What one side said; a key that is absent or undefined was not given. */
export type GivenSettings = { readonly [K in keyof Settings]?: Settings[K] | undefined };

type Origin = 'flag' | 'file' | 'default';

/** Everything a push needs to know, and where each of it came from. */
export interface PushSettings extends Settings {
  /** Absolute path of the folder that is pushed. */
  readonly source: string;
  readonly origin: { readonly [K in keyof Settings]: Origin };
}

export interface SettingsContext {
  /** Absolute path. */
  readonly source: string;
}

const DEFAULT_IGNORE: readonly string[] = ['.git', 'node_modules/'];

/**
 * The original's container (device-facts), except two of ours: published ports mean nothing on the host's network,
 * so giving `ports` alone moves the app to `bridge`; and the ten seconds of grace before a kill are half a second.
 */
export function defaultSettings(given: GivenSettings, context: SettingsContext): Settings {
  const appName = given.appName ?? slugifyAppName(basename(context.source));
  return {
    destination: '/usr/src/app',
    before: undefined,
    after: undefined,
    ignore: DEFAULT_IGNORE,
    skipGitignore: false,
    progress: false,
    verbose: false,
    skipLogs: false,
    appName,
    buildTriggers: [],
    environment: [],
    ports: [],
    volumes: defaultVolumes(appName),
    devices: [],
    privileged: true,
    network: (given.ports ?? []).length > 0 ? 'bridge' : 'host',
    tty: true,
    restartPolicy: { kind: 'always' },
    afterSync: { kind: 'container' },
    stopGraceMs: 500,
    command: undefined,
    onChange: [],
  };
}

const defaultVolumes = (appName: string): readonly VolumeMapping[] => [
  { source: `/mnt/data/resin-data/${appName}`, target: '/data', options: [] },
  { source: '/lib/modules', target: '/lib/modules', options: [] },
  { source: '/lib/firmware', target: '/lib/firmware', options: [] },
  { source: '/run/dbus', target: '/host/run/dbus', options: [] },
];

/** Flag over file over default, key by key; a list replaces a list. */
export function resolveSettings(
  flags: GivenSettings,
  file: GivenSettings,
  defaults: (given: GivenSettings, context: SettingsContext) => Settings,
  context: SettingsContext,
): PushSettings {
  const fromFlags = withoutUndefined(flags);
  const fromFile = withoutUndefined(file);
  const given = { ...fromFile, ...fromFlags };
  const base = defaults(given, context);
  const origin = (key: string): Origin => (key in fromFlags ? 'flag' : key in fromFile ? 'file' : 'default');
  return {
    ...base,
    ...given,
    before: unlessBlank(given.before),
    after: unlessBlank(given.after),
    source: context.source,
    origin: Object.fromEntries(Object.keys(base).map((key) => [key, origin(key)])) as PushSettings['origin'],
  };
}

/** `--before ''` runs none, whatever the project file says. */
const unlessBlank = (command: string | undefined): string | undefined =>
  command === undefined || command.trim() === '' ? undefined : command;

/** Spreading must not let an `undefined` of one side hide what the other said. */
function withoutUndefined(given: GivenSettings): Partial<Settings> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
