import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { ImageBuilder } from '../build/image-builder.js';
import type { Device } from '../discovery/device.js';
import type { LogView } from '../logs/log-view.js';
import { slugifyAppName } from '../project/app-name.js';
import type { SavedTrigger } from '../project/check-project.js';
import {
  defaultSettings,
  type GivenSettings,
  type PushSettings,
  resolveSettings,
} from '../project/settings.js';
import type { TriggerHashes } from '../sync/build-triggers.js';
import type { Engine } from '../transport/engine.js';
import { push } from './push.js';
import type { PushResult } from './push-event.js';
import type { PushDeps, PushJob } from './push-job.js';

export interface PushRequest {
  /** As typed; undefined for the only device there is. */
  readonly target: string | undefined;
  /** `--source` as typed, relative to the working directory. */
  readonly source: string;
  readonly flags: GivenSettings;
  readonly forceBuild: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly verify: boolean;
  readonly compress: boolean;
  /** Show the app's output afterwards, unless `skipLogs` is set. */
  readonly followLogs: boolean;
}

/** What a project file says, and the way to write back to it. */
export interface Project {
  /** False when the folder has no project file yet. */
  readonly exists: boolean;
  readonly settings: GivenSettings;
  readonly triggers: readonly SavedTrigger[] | undefined;
  readonly warnings: readonly string[];
  /** Writes what has to be remembered; only when something changed. */
  save(settings: PushSettings, triggers: TriggerHashes): Promise<void>;
  /** @throws RdtError when `save` would have to write, and could not. */
  assertSavable(settings: PushSettings, triggers: TriggerHashes): Promise<void>;
}

/** An engine, and what builds images on it, over one connection. */
export interface EngineConnection extends AsyncDisposable {
  readonly engine: Engine;
  builder(): Promise<ImageBuilder>;
}

export interface PushProjectDeps
  extends Pick<
    PushDeps,
    | 'login'
    | 'contextKeys'
    | 'readSupervisor'
    | 'store'
    | 'clock'
    | 'env'
    | 'platform'
    | 'pusher'
    | 'holder'
    | 'emit'
    | 'signal'
  > {
  readonly cwd: string;
  /** @throws RdtError (usage) for a source without a readable project, or with a wrong one. */
  openProject(source: string): Promise<Project>;
  /** Looks at once, but tells and asks the user nothing before `turn` has come. */
  findDevice(target: string | undefined, turn: Promise<unknown>, signal: AbortSignal): Promise<Device>;
  connect(device: Device): Promise<EngineConnection>;
  readonly logView: LogView;
  /** Undefined where nobody can be asked. */
  readonly askAppName: ((proposal: string) => Promise<string>) | undefined;
}

/** `rdt push`: from a folder and whatever the user said to an app that runs, and its output until the user has seen enough. */
export async function pushProject(request: PushRequest, deps: PushProjectDeps): Promise<void> {
  const source = resolve(deps.cwd, request.source);
  const { project, settings, device } = await projectAndDevice(request, source, deps);
  await using connection = await deps.connect(device);
  const job: PushJob = {
    ...jobOf(request, project, settings),
    assertSavable: (triggers) => project.assertSavable(settings, triggers),
  };
  const result = await push(job, { ...deps, ...services(connection), device });
  if (!request.followLogs || settings.skipLogs || request.dryRun) return;
  await followApp(connection.engine, device, result, deps);
}

export interface Settled {
  readonly project: Project;
  readonly settings: PushSettings;
}

/** The search goes on while the project is read and its name is asked for. A wrong project is the better message, and ends the search. */
export async function projectAndDevice(
  request: PushRequest,
  source: string,
  deps: Omit<PushProjectDeps, 'logView'>,
): Promise<Settled & { readonly device: Device }> {
  const search = new AbortController();
  const settling = settleProject(request, source, deps);
  const signal = AbortSignal.any([deps.signal, search.signal]);
  const finding = deps.findDevice(request.target, settling, signal);
  finding.catch(() => undefined);
  try {
    const settled = await settling;
    const device = await finding;
    deps.emit({ type: 'device', device });
    return { ...settled, device };
  } catch (error) {
    search.abort(error);
    throw error;
  }
}

/** What the project file and the flags say together. @throws RdtError (usage) for a file that is wrong. */
export async function settleProject(
  request: PushRequest,
  source: string,
  deps: Pick<PushProjectDeps, 'openProject' | 'askAppName' | 'emit'>,
): Promise<Settled> {
  const project = await deps.openProject(source);
  for (const message of project.warnings) deps.emit({ type: 'warning', message });
  const settings = await settle(request, project, source, deps);
  const { appName: app, destination, verbose, progress } = settings;
  deps.emit({ type: 'project', app, source, destination, verbose, progress });
  for (const path of request.flags.buildTriggers ?? [])
    if (!existsSync(join(source, path))) deps.emit({ type: 'warning', message: missingTrigger(path) });
  return { project, settings };
}

const missingTrigger = (path: string): string =>
  `the build trigger ${path} is not there: a build starts when it appears`;

async function settle(
  { flags, dryRun }: PushRequest,
  project: Project,
  source: string,
  { askAppName }: Pick<PushProjectDeps, 'askAppName'>,
): Promise<PushSettings> {
  const named = flags.appName ?? project.settings.appName;
  const given = { ...flags };
  if (named === undefined && askAppName !== undefined && !dryRun) {
    given.appName = await askAppName(slugifyAppName(basename(source)));
  }
  return resolveSettings(given, project.settings, defaultSettings, { source });
}

export function jobOf(
  { flags, forceBuild, dryRun, force, verify, compress }: PushRequest,
  project: Project,
  settings: PushSettings,
): PushJob {
  return {
    settings,
    savedTriggers: hashesOf(project.triggers),
    triggersGiven: flags.buildTriggers !== undefined,
    isNameGuessed: settings.origin.appName === 'default' && !project.exists,
    forceBuild,
    dryRun,
    force,
    verify,
    compress,
    save: (triggers: TriggerHashes) => project.save(settings, triggers),
  };
}

/** A trigger without a hash was not there at the last push. */
function hashesOf(triggers: readonly SavedTrigger[] | undefined): TriggerHashes | undefined {
  if (triggers === undefined) return undefined;
  return new Map(triggers.flatMap(({ path, sha256 }) => (sha256 === undefined ? [] : [[path, sha256]])));
}

const services = (connection: EngineConnection): Pick<PushDeps, 'engine' | 'builder'> => ({
  engine: connection.engine,
  builder: () => connection.builder(),
});

/** As `rdt logs --follow`, from the beginning of the present run. */
async function followApp(
  engine: Engine,
  device: Device,
  { app, containerId }: PushResult,
  deps: PushProjectDeps,
): Promise<void> {
  const { logView: view, clock, signal } = deps;
  const container = await engine.inspectContainer(containerId, signal);
  const { followLogs } = await import('../logs/follow-logs.js');
  // An app may print before the engine books its start.
  const range = { tail: undefined, since: container?.state.finishedAt, until: undefined };
  const again = async () => (await deps.connect(device)).engine;
  view.begin(device.name, [app]);
  await followLogs([app], { engine, connect: again, range, grep: undefined }, { view, clock, signal });
}
