import type { Clock } from '../runtime.js';
import type { Deployment, DeploymentStore } from '../sync/deployment.js';

const IDLE_MS = 1_000;

/**
 * Remembers deployments at once and writes them when nothing was saved for a second, and at the end: 20,000 files cost 20 ms each
 * time. What a crash loses only costs a verification, which the store's contract allows.
 */
export class LazyDeployments implements DeploymentStore, AsyncDisposable {
  private readonly unwritten = new Map<string, Deployment>();
  private last: Deployment | undefined;
  private idle: AbortController | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: DeploymentStore,
    private readonly clock: Clock,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  load(containerId: string): Promise<Deployment | undefined> {
    if (this.last?.containerId === containerId) return Promise.resolve(this.last);
    const known = this.unwritten.get(containerId);
    return known === undefined ? this.store.load(containerId) : Promise.resolve(known);
  }

  save(deployment: Deployment): Promise<void> {
    this.last = deployment;
    this.unwritten.set(deployment.containerId, deployment);
    this.idle?.abort();
    this.idle = new AbortController();
    this.clock.sleep(IDLE_MS, this.idle.signal).then(
      () => this.write(),
      // Something newer was saved, or the session has ended.
      () => undefined,
    );
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.idle?.abort();
    this.write();
    await this.writing;
  }

  private write(): void {
    const deployments = [...this.unwritten.values()];
    this.unwritten.clear();
    this.writing = this.writing.then(async () => {
      try {
        for (const deployment of deployments) await this.store.save(deployment);
      } catch (error) {
        this.onFailure(error);
      }
    });
  }
}
