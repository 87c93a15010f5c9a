import { readFile } from 'node:fs/promises';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { DockerConfigLogin, dockerConfigFile } from '../build/registry/docker-config-login.js';
import { FileContextKeys } from '../build/state/file-context-keys.js';
import { changesAfterPush } from '../project/project-changes.js';
import { describeProblem } from '../project/problem.js';
import { packageFile } from '../package-file.js';
import { readProjectFile } from '../project/yaml/read-project-file.js';
import { LocalHolder } from '../push/os/local-holder.js';
import type { EmitPushEvent } from '../push/push-event.js';
import { type Project, type PushProjectDeps, type PushRequest, pushProject } from '../push/push-project.js';
import { isInteractive, type Runtime } from '../runtime.js';
import { stateDirectory } from '../state-directory.js';
import { FileDeploymentStore } from '../sync/state/file-deployment-store.js';
import { createBuildView } from '../ui/build-view.js';
import { createLogView } from '../ui/log-view.js';
import { createJsonView, createPushView } from '../ui/push-view.js';
import { wireDiscovery } from './discovery.js';
import { connectEngine } from './engine-connection.js';

/** How a push is shown, and with which keys it logs in. */
export interface PushOptions {
  readonly json: boolean;
  readonly timing: boolean;
  /** Private keys for ssh, as typed. */
  readonly identity: readonly string[];
  /** Undefined for one push. */
  readonly watch: { readonly poll: boolean } | undefined;
}

/** `rdt push` with its real parts. */
export function wirePush(runtime: Runtime, options: PushOptions): (request: PushRequest) => Promise<void> {
  const deps: PushProjectDeps = {
    ...projectDeps(runtime, options),
    emit: viewFor(runtime, options),
    logView: createLogView(runtime, { json: false, timestamps: false, raw: false, color: true }),
  };
  return (request) => pushProject(request, deps);
}

/** Everything of a push but the way it is shown. */
export function projectDeps(
  runtime: Runtime,
  options: PushOptions,
): Omit<PushProjectDeps, 'emit' | 'logView'> {
  const { cwd, env, platform, clock, signal } = runtime;
  const discovery = wireDiscovery(runtime);
  const pusher = `${userInfo().username}@${hostname()}`;
  return {
    cwd,
    env,
    platform,
    clock,
    signal,
    pusher,
    holder: new LocalHolder(`${pusher} (pid ${process.pid})`, platform, process.pid),
    store: new FileDeploymentStore(join(stateDirectory(runtime), 'deployments')),
    readSupervisor: (processor) => readFile(packageFile(`supervisor/bin/rdt-init-${processor}`)),
    contextKeys: new FileContextKeys(join(stateDirectory(runtime), 'contexts')),
    login: new DockerConfigLogin(dockerConfigFile(env, homedir())),
    openProject,
    findDevice: (target, turn, wanted) => discovery.findDevice(target, () => undefined, wanted, turn),
    connect: (device) => connectEngine(device, runtime, options),
    askAppName: isInteractive(runtime) ? (proposal) => askAppName(runtime, proposal) : undefined,
  };
}

async function openProject(source: string): Promise<Project> {
  const file = await readProjectFile(source);
  return {
    exists: file.exists,
    settings: file.settings,
    triggers: file.triggers,
    warnings: file.warnings.map(describeProblem),
    async save(settings, triggers) {
      const { saveProjectFile } = await import('../project/yaml/save-project-file.js');
      await saveProjectFile(file, changesAfterPush(settings, triggers, file.triggers));
    },
    async assertSavable(settings, triggers) {
      const { assertSavable } = await import('../project/yaml/save-project-file.js');
      await assertSavable(file, changesAfterPush(settings, triggers, file.triggers));
    },
  };
}

function viewFor(runtime: Runtime, { json, timing }: PushOptions): EmitPushEvent {
  if (json) return createJsonView(runtime);
  return createPushView(runtime, { timing, showBuild: createBuildView(runtime) });
}

async function askAppName(runtime: Runtime, proposal: string): Promise<string> {
  const { askForAppName } = await import('../ui/ask-app-name.js');
  return askForAppName(runtime, proposal);
}
