import { resolve } from 'node:path';
import { projectAndDevice, type PushRequest, type Settled } from '../push/push-project.js';
import { LazyDeployments } from './lazy-deployments.js';
import { AppLogs } from './app-logs.js';
import { MovingDevice } from './moving-device.js';
import { TriggerLook } from './trigger-look.js';
import { WatchConnection } from './watch-connection.js';
import type { WatchDeps } from './watch-deps.js';
import { WatchMemory } from './watch-memory.js';
import { WatchedProject } from './watched-project.js';

interface Watch {
  readonly request: PushRequest;
  readonly device: MovingDevice;
  readonly memory: WatchMemory;
  readonly logs: AppLogs;
  readonly deps: WatchDeps;
}

/**
 * `rdt push --watch`: pushes, and then keeps folder and app in step until the signal is aborted, which is its good end. The app runs on.
 * @throws as `pushProject` until the first push has succeeded; after that only what no waiting could mend.
 */
export async function watchProject(request: PushRequest, deps: WatchDeps): Promise<void> {
  const source = resolve(deps.cwd, request.source);
  const memory = new WatchMemory();
  try {
    const { device: found, ...first } = await projectAndDevice(request, source, deps);
    const device = new MovingDevice(found, { ...deps, target: request.target });
    await using logs = new AppLogs(deps, device, request.followLogs);
    let settled: Settled = first;
    for (;;) settled = await watchVersion(settled, { request, device, memory, logs, deps });
  } catch (error) {
    if (!deps.signal.aborted || !memory.hasWorked) throw error;
  }
}

/** Until the project file says something else; answers what. */
async function watchVersion(settled: Settled, watch: Watch): Promise<Settled> {
  const { request, device, memory, logs, deps } = watch;
  const { clock, signal, emit } = deps;
  const project = new WatchedProject(request, settled, memory, deps);
  const { settings } = project;
  const triggers = new TriggerLook(settings.source, settings.buildTriggers, () => clock.wallMs());
  await using store = new LazyDeployments(deps.store, clock, (error) =>
    emit({ type: 'warning', message: `what was deployed could not be remembered: ${String(error)}` }),
  );
  await using folder = await deps.openFolder(settings, signal);
  // What it finds now is what the first push works with.
  await triggers.look(signal);
  const log = await logs.of(settings);
  const connection = new WatchConnection({ project, device, memory, triggers, store, folder, log, deps });
  await connection.run();
  emit({ type: 'project-changed' });
  return await project.reopen();
}
