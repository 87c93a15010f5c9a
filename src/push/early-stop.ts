import type { Container, Engine } from '../transport/engine.js';
import { stopContainer, type StopOptions } from './stop-container.js';

/** More than this takes longer to arrive than an app takes to end: it would be away for no reason. */
export const EARLY_STOP_BYTES = 256 << 10;

/**
 * Ends an app while its new files are unpacked: each takes an engine some 70 ms, in which it need not wait for itself. The
 * question has to be sent before the files are, for an engine that unpacks files in a container answers no other one about it.
 */
export class EarlyStop {
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly container: Container,
    private readonly options: StopOptions,
  ) {}

  get hasBegun(): boolean {
    return this.stopping !== undefined;
  }

  begin(): void {
    if (this.stopping !== undefined) return;
    this.stopping = stopContainer(this.engine, this.container, this.options);
    // Heard by `start`.
    this.stopping.catch(() => undefined);
  }

  /** Starts the app again when it has ended; does nothing when it was not asked to. */
  async start(): Promise<void> {
    if (this.stopping === undefined) return;
    await this.stopping;
    this.stopping = undefined;
    await this.engine.startContainer(this.container.id, this.options.signal);
  }
}
