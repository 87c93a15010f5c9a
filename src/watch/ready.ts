import { RdtError } from '../errors.js';
import type { Deployment } from '../sync/deployment.js';
import type { Container } from '../transport/engine.js';
import type { AppMonitor } from './app-monitor.js';

/** The folder and the app are one, as far as anybody knows. */
export interface Ready {
  readonly container: Container;
  /** What the container holds; undefined when the next sync has to ask it. */
  readonly deployment: Deployment | undefined;
}

/** What a session goes on with. @throws RdtError when the container is gone already. */
export async function readyNow(monitor: AppMonitor, deployment: Deployment | undefined): Promise<Ready> {
  const container = await monitor.look();
  if (container === undefined) throw new RdtError('the container was removed by somebody else meanwhile');
  const isSure = deployment?.containerId === container.id && deployment.begun === undefined;
  return { container, deployment: isSure ? deployment : undefined };
}
