import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import type { EmitLogEvent } from './log-event.js';
import { isUnreadableLog } from './unreadable-log.js';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
/** `Service Unavailable` and its like: an engine that starts or ends. */
const SERVER_FAULT = 500;

export interface EngineLinkDeps {
  /** Rejects as `openEngine` does. */
  readonly connect: () => Promise<Engine>;
  readonly clock: Clock;
  readonly emit: EmitLogEvent;
  readonly signal: AbortSignal;
}

/** The engine of a device that may reboot, or leave the network for a while: whoever waits for it gets a new connection. */
export class EngineLink implements AsyncDisposable {
  private engine: Promise<Engine>;
  private isLost = false;
  private hasWorked = false;
  private pauseMs = FIRST_PAUSE_MS;

  /** Owns `engine` from here on. */
  constructor(
    engine: Engine,
    private readonly deps: EngineLinkDeps,
  ) {
    this.engine = Promise.resolve(engine);
  }

  /**
   * Runs `work` until it is not the connection that it failed of. Other failures are passed on. Whatever `work` does, it must go on where it was cut.
   */
  async run<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    for (;;) {
      this.deps.signal.throwIfAborted();
      const current = this.engine;
      try {
        return await work(await current);
      } catch (error) {
        this.deps.signal.throwIfAborted();
        if (!this.isPassing(error)) throw error;
        this.replace(current, error);
      }
    }
  }

  /** To be called when a stream of `engine` has failed with `error`: resolves when another connection is on its way, rejects when that is of no use. */
  async failed(engine: Engine, error: unknown): Promise<void> {
    this.deps.signal.throwIfAborted();
    if (!this.isPassing(error)) throw error;
    const current = this.engine;
    const opened = await current.catch(() => undefined);
    if (opened === engine) this.replace(current, error);
  }

  /** To be called when a log could be opened: what breaks from then on is another loss. */
  heard(): void {
    this.isLost = false;
    this.hasWorked = true;
    this.pauseMs = FIRST_PAUSE_MS;
  }

  /** Since the last `heard`. */
  get wasLost(): boolean {
    return this.isLost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disposeOf(this.engine);
  }

  /** The device may come back: it does not answer, or its engine is about to end. */
  private isPassing(error: unknown): error is RdtError {
    if (isUnreadableLog(error)) return false;
    if (error instanceof EngineError) return this.hasWorked && error.status >= SERVER_FAULT;
    return error instanceof RdtError && error.exitCode === ExitCode.unreachable;
  }

  /** Only the first one to find a connection dead replaces it. */
  private replace(dead: Promise<Engine>, { message }: RdtError): void {
    if (this.engine !== dead) return;
    const { clock, connect, emit, signal } = this.deps;
    if (!this.isLost) emit({ type: 'connection-lost', reason: message });
    this.isLost = true;
    const pauseMs = this.pauseMs;
    this.pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    const next = disposeOf(dead)
      .then(() => clock.sleep(pauseMs, signal))
      .then(connect);
    // Its failure reaches everybody who runs something with it; there may be nobody.
    next.catch(() => undefined);
    this.engine = next;
  }
}

/** What could not be opened needs no closing. */
async function disposeOf(engine: Promise<Engine>): Promise<void> {
  const opened = await engine.catch(() => undefined);
  await opened?.[Symbol.asyncDispose]();
}
