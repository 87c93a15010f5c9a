import type { Engine } from '../transport/engine.js';
import { APP_LABEL, isOurs, nextName, previousName } from './labels.js';

/** True while a push replaces the app's container, and ever after when that push was killed. */
export async function isUnfinished(engine: Engine, app: string, signal: AbortSignal): Promise<boolean> {
  const containers = await engine.listContainers({ all: true, label: `${APP_LABEL}=${app}` }, signal);
  return containers.some(({ name }) => name === nextName(app) || name === previousName(app));
}

/**
 * Takes back what a killed push had begun: a new container that did not prove itself goes, and the old one runs again. Only for
 * the holder of the app's lock, since a push that is still at work looks the same.
 */
export async function takeBackUnfinished(engine: Engine, app: string, signal: AbortSignal): Promise<void> {
  await removeOurs(engine, app, nextName(app), signal);
  const previous = await engine.inspectContainer(previousName(app), signal);
  if (previous === undefined || !isOurs(previous, app)) return;
  await removeOurs(engine, app, app, signal);
  await engine.renameContainer(previous.id, app, signal);
  await engine.startContainer(previous.id, signal);
}

async function removeOurs(engine: Engine, app: string, name: string, signal: AbortSignal): Promise<void> {
  const container = await engine.inspectContainer(name, signal);
  if (container === undefined || !isOurs(container, app)) return;
  await engine.removeContainer(container.id, { removeAnonymousVolumes: true }, signal);
}
