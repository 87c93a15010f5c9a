import type { SavedTrigger, SectionName } from './check-project.js';
import { formatEnvironmentEntry } from './environment.js';
import { parseTriggerPath } from './paths.js';
import { formatAfterSync, formatRestartPolicy } from './restart.js';
import { sameValue } from './same-value.js';
import type { PushSettings, Settings } from './settings.js';
import { isList, isMap, PlainScalar, textOf, type YamlMap, type YamlValue } from './yaml-value.js';

/** What a push leaves in the project file: what was given by flags, the app's name, and the hashes of the triggers. */
export interface ProjectChanges {
  /** By the names of the file. */
  readonly top: YamlMap;
  readonly app: YamlMap;
  /** What goes into the app's section where it has none of that key: whoever has written one meanwhile meant it. */
  readonly missing: YamlMap;
  readonly triggers: readonly SavedTrigger[];
  /** The triggers that this push knew of: one that the file has beyond these was added by somebody else meanwhile, and stays. */
  readonly knownTriggers: ReadonlySet<string>;
}

/**
 * Flags about one run (`--force-build`, `--skip-logs`) are not kept, and neither are defaults.
 * @param hashes of the triggers that exist, by path; a listed one that does not is kept without a hash, so that it is missed no longer when it appears.
 * @param inFile the triggers that the file had when it was read.
 */
export function changesAfterPush(
  settings: PushSettings,
  hashes: ReadonlyMap<string, string>,
  inFile: readonly SavedTrigger[] = [],
): ProjectChanges {
  const names = [...new Set([...hashes.keys(), ...settings.buildTriggers])];
  return {
    top: topChanges(settings),
    app: appChanges(settings),
    missing: { 'app-name': settings.appName },
    triggers: names.map((path) => ({ path, sha256: hashes.get(path) })),
    knownTriggers: new Set([...names, ...inFile.map((trigger) => trigger.path)]),
  };
}

function topChanges(settings: PushSettings): YamlMap {
  const values: Partial<Record<keyof Settings, [key: string, value: YamlValue]>> = {
    destination: ['destination', settings.destination],
    // `--before ''` is about one run.
    ...(settings.before !== undefined && { before: ['before', settings.before] }),
    ...(settings.after !== undefined && { after: ['after', settings.after] }),
    ignore: ['ignore', settings.ignore],
    skipGitignore: ['skip-gitignore', booleanValue(settings.skipGitignore)],
    progress: ['progress', booleanValue(settings.progress)],
    verbose: ['verbose', booleanValue(settings.verbose)],
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, entry]) =>
      settings.origin[key as keyof Settings] === 'flag' ? [entry] : [],
    ),
  );
}

/** `restart` may have carried the engine's policy in this file; a flag that takes the key moves the policy to its own. */
function appChanges({ origin, appName, environment, afterSync, restartPolicy }: PushSettings): YamlMap {
  return {
    ...(origin.appName === 'flag' && { 'app-name': appName }),
    ...(origin.environment === 'flag' && { environment: environment.map(formatEnvironmentEntry) }),
    ...(origin.afterSync === 'flag' && {
      restart: formatAfterSync(afterSync),
      ...(origin.restartPolicy === 'file' && { 'restart-policy': formatRestartPolicy(restartPolicy) }),
    }),
  };
}

const booleanValue = (value: boolean): PlainScalar => new PlainScalar('boolean', String(value));

/** The data of the file after the changes; what stays as it is stays the same object. `data` null: a new file. */
export function applyChanges(data: YamlValue, section: SectionName, changes: ProjectChanges): YamlValue {
  const top: YamlMap = isMap(data)
    ? data
    : { [section]: { 'app-name': null, 'build-triggers': null, environment: [] } };
  const current = top[section] ?? null;
  const app: YamlMap = isMap(current) ? current : {};
  const triggers = mergeTriggers(app['build-triggers'] ?? null, changes);
  const missing = Object.entries(changes.missing).filter(([key]) => (app[key] ?? null) === null);
  const newApp = withChanges(app, {
    ...Object.fromEntries(missing),
    ...changes.app,
    'build-triggers': triggers,
  });
  return withChanges(top, { [section]: newApp, ...changes.top });
}

function withChanges(map: YamlMap, changes: YamlMap): YamlMap {
  const real = Object.entries(changes).filter(
    ([key, value]) => !Object.hasOwn(map, key) || !sameValue(map[key] ?? null, value),
  );
  return real.length === 0 ? map : { ...map, ...Object.fromEntries(real) };
}

/** Ours get their new hashes where they are, ours that are gone go, ours that are new come last, and strangers stay. */
function mergeTriggers(value: YamlValue, { triggers, knownTriggers }: ProjectChanges): readonly YamlValue[] {
  const ours = new Map(triggers.map((trigger) => [trigger.path, trigger]));
  const present = new Set<string>();
  const kept = (isList(value) ? value : []).flatMap((item) => {
    const name = triggerName(item);
    const trigger = name === undefined ? undefined : ours.get(name.path);
    if (name === undefined || (trigger === undefined && !knownTriggers.has(name.path))) return [item];
    if (trigger === undefined) return [];
    present.add(name.path);
    return [withHash(item, name.spelling, trigger.sha256)];
  });
  const added = triggers
    .filter(({ path }) => !present.has(path))
    .map(({ path, sha256 }) => ({ [path]: sha256 ?? null }));
  return [...kept, ...added];
}

/** A bare path says the same as a path with an empty hash. */
function withHash(item: YamlValue, spelling: string, sha256: string | undefined): YamlValue {
  if (!isMap(item)) return sha256 === undefined ? item : { [spelling]: sha256 };
  const saved = item[spelling] ?? null;
  const isSame = sha256 === undefined ? saved === null : textOf(saved)?.toLowerCase() === sha256;
  return isSame ? item : { [spelling]: sha256 ?? null };
}

function triggerName(item: YamlValue): { readonly path: string; readonly spelling: string } | undefined {
  const spelling = isMap(item) ? Object.keys(item)[0] : textOf(item);
  const parsed = spelling === undefined ? undefined : parseTriggerPath(spelling);
  return spelling !== undefined && parsed?.ok === true ? { path: parsed.value, spelling } : undefined;
}
