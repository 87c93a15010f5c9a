import { resolve } from 'node:path';
import { RdtError } from '../errors.js';
import { newNonce } from '../push/device-lock.js';
import { projectAndDevice, type PushRequest, type Settled } from '../push/push-project.js';
import { ContextLook } from './context-look.js';
import { LazyDeployments } from './lazy-deployments.js';
import { AppLogs } from './app-logs.js';
import { tellFailure } from './failures.js';
import { MovingDevice } from './moving-device.js';
import { TriggerLook } from './trigger-look.js';
import { WatchConnection } from './watch-connection.js';
import type { WatchDeps } from './watch-deps.js';
import { WatchMemory } from './watch-memory.js';
import { WatchedProject } from './watched-project.js';

/** From something that cannot be read to the next try. */
const AGAIN_MS = 1_000;

interface Watch {
  readonly request: PushRequest;
  readonly device: MovingDevice;
  readonly memory: WatchMemory;
  readonly nonce: string;
  readonly logs: AppLogs;
  readonly deps: WatchDeps;
}

/** What the project file says, and who looked at the triggers while it said something else. */
interface Version {
  readonly settled: Settled;
  readonly before: TriggerLook | undefined;
}

/**
 * `rdt push --watch`: pushes, and then keeps folder and app in step until the signal is aborted, which is its good end once a push has
 * succeeded. The app runs on.
 * @throws as `pushProject` until the first push has succeeded, but for a build that fails; after that only what no waiting could mend.
 */
export async function watchProject(request: PushRequest, deps: WatchDeps): Promise<void> {
  const source = resolve(deps.cwd, request.source);
  const memory = new WatchMemory();
  try {
    const { device: found, ...first } = await projectAndDevice(request, source, deps);
    const device = new MovingDevice(found, { ...deps, target: request.target });
    await using logs = new AppLogs(deps, device, request.followLogs);
    let version: Version = { settled: first, before: undefined };
    const watch = { request, device, memory, nonce: newNonce(), logs, deps };
    for (;;) version = await watchVersion(version, watch);
  } catch (error) {
    if (!deps.signal.aborted || !memory.hasPushed) throw error;
  }
}

/** Until the project file says something else, or what it names cannot be read; answers what to go on with. */
async function watchVersion({ settled, before }: Version, watch: Watch): Promise<Version> {
  const { request, memory, logs, deps } = watch;
  const { clock, signal, emit } = deps;
  const project = new WatchedProject(request, settled, memory, deps);
  const { settings } = project;
  const { source, buildTriggers } = settings;
  const triggers =
    before?.following(buildTriggers) ?? new TriggerLook(source, buildTriggers, () => clock.wallMs());
  const context = new ContextLook({ ...deps, source });
  await using store = new LazyDeployments(deps.store, clock, tellingOnce(emit));
  await using folder = await tried(() => deps.openFolder(settings, signal), watch);
  if (folder === undefined) return { settled: await project.next(), before: triggers };
  // What it finds now is what the first push works with.
  const { reasons } = await triggers.look(signal);
  memory.buildReasons = [...new Set([...memory.buildReasons, ...reasons])];
  const log = await logs.of(settings);
  await new WatchConnection({ ...watch, project, triggers, context, store, folder, log }).run();
  emit({ type: 'project-changed' });
  const next = await project.next();
  tellOfOldApp(settings.appName, next.settings.appName, emit);
  return { settled: next, before: triggers };
}

/** Another name is another app: nobody said that the one before is to end. */
function tellOfOldApp(before: string, now: string, emit: WatchDeps['emit']): void {
  if (before === now) return;
  const message = `the app is called ${now} from now on; the container ${before} runs on, until somebody removes it (\`docker rm -f ${before}\` on the device)`;
  emit({ type: 'warning', message });
}

/** What cannot be written now cannot be written a second later either. */
function tellingOnce(emit: WatchDeps['emit']): (error: unknown) => void {
  let told: string | undefined;
  return (error) => {
    const reason = error instanceof RdtError ? `${error.message} ${error.hint ?? ''}` : String(error);
    if (reason !== told)
      emit({ type: 'warning', message: `what was deployed could not be remembered: ${reason}` });
    told = reason;
  };
}

/** What cannot be read is told of once a push has succeeded, and then undefined is answered after a pause. @throws until then. */
async function tried<T>(work: () => Promise<T>, { memory, deps }: Watch): Promise<T | undefined> {
  const { signal, clock, emit } = deps;
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RdtError) || !memory.hasWorked) throw error;
    tellFailure(memory, emit, error);
    await clock.sleep(AGAIN_MS, signal);
    return undefined;
  }
}
