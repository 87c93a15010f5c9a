import type { Clock } from '../runtime.js';
import type { Deployment, DeploymentStore } from '../sync/deployment.js';

const IDLE_MS = 1_000;

/**
 * Remembers deployments at once and writes them when nothing was saved for a second, and at the end: 20,000 files cost 20 ms each
 * time. What a crash loses only costs a verification, which the store's contract allows; new paths are saved at once (`saveNow`).
 */
export class LazyDeployments implements DeploymentStore, AsyncDisposable {
  private readonly unwritten = new Map<string, Deployment>();
  private last: Deployment | undefined;
  /** Read and not saved since. */
  private read: Deployment | undefined;
  private idle: AbortController | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Pick<DeploymentStore, 'load' | 'damagedFile' | 'save'>,
    private readonly clock: Clock,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  async load(containerId: string): Promise<Deployment | undefined> {
    const known = [this.last, this.unwritten.get(containerId), this.read].find(
      (each) => each?.containerId === containerId,
    );
    if (known !== undefined) return known;
    this.read = await this.store.load(containerId);
    return this.read;
  }

  damagedFile(containerId: string): string | undefined {
    return this.store.damagedFile?.(containerId);
  }

  /** Others may have written while the app was not ours: what is written is read again. */
  async forget(): Promise<void> {
    this.idle?.abort();
    this.write();
    await this.writing;
    this.last = undefined;
    this.read = undefined;
  }

  save(deployment: Deployment): Promise<void> {
    this.last = deployment;
    this.read = undefined;
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

  async saveNow(deployment: Deployment): Promise<void> {
    await this.save(deployment);
    this.idle?.abort();
    this.write();
    await this.writing;
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
        for (const deployment of deployments)
          if (!this.unwritten.has(deployment.containerId))
            this.unwritten.set(deployment.containerId, deployment);
        this.onFailure(error);
      }
    });
  }
}
