import type { Engine, ExecSession } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { RESTART_COMMAND } from './process-supervisor.js';

const REQUEST = 'r';

/**
 * Tells the supervisor of a container to restart the app, by a process that it keeps in the container: to start one takes longer than all
 * the rest. The engine's own `kill` would be no way, because an engine does not start an app again that crashes after it was sent a
 * signal, unless the container names its stop signal (moby, daemon/kill.go: `ExitOnNext`).
 */
export class AppRestarter implements Disposable {
  private messenger: Messenger | undefined;

  /** `signal` ends it as well. */
  constructor(
    private readonly engine: Engine,
    private readonly signal: AbortSignal,
  ) {}

  /** Starts the process in the background, if there is none in this container. */
  prepare(containerId: string): void {
    if (this.messenger?.containerId === containerId && this.messenger.isAlive) return;
    this.messenger?.[Symbol.dispose]();
    this.messenger = new Messenger(this.engine, containerId, this.signal);
  }

  /**
   * Resolves when the supervisor was told. False when nobody in the container can tell it: the container does not run, or what we put there is gone.
   * @throws EngineError with status 404 when it is gone itself; RdtError when the connection is lost.
   */
  async restart(containerId: string): Promise<boolean> {
    const earlier = this.messenger;
    this.prepare(containerId);
    if (await this.messenger?.tell()) return true;
    if (this.messenger !== earlier) return false;
    // That one has ended with an earlier run of the container.
    this.prepare(containerId);
    return (await this.messenger?.tell()) ?? false;
  }

  /** The process ends with its input. */
  [Symbol.dispose](): void {
    this.messenger?.[Symbol.dispose]();
  }
}

/** One process in one run of a container. */
class Messenger implements Disposable {
  isAlive = true;
  private readonly over = new AbortController();
  private readonly session: Promise<ExecSession>;
  private readonly ended: Promise<unknown>;
  private answered: () => void = () => undefined;

  constructor(
    engine: Engine,
    readonly containerId: string,
    signal: AbortSignal,
  ) {
    const cut = AbortSignal.any([signal, this.over.signal]);
    this.session = engine.exec(containerId, { argv: RESTART_COMMAND }, cut);
    this.ended = this.session.then((session) => this.listen(session)).finally(() => (this.isAlive = false));
    // Heard by `tell`.
    this.ended.catch(() => undefined);
  }

  async tell(): Promise<boolean> {
    try {
      const { stdin } = await this.session;
      const answer = new Promise<boolean>((resolve) => (this.answered = () => resolve(true)));
      stdin.write(REQUEST);
      return await Promise.race([answer, this.ended.then(() => false)]);
    } catch (error) {
      if (!(error instanceof EngineError) || error.status === 404) throw error;
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.over.abort(new Error('no restart is asked for any more'));
  }

  private listen({ stdout, stderr, exitCode }: ExecSession): Promise<number> {
    stdout.on('data', () => this.answered());
    stderr.resume();
    // `exitCode` fails with the same error.
    for (const output of [stdout, stderr]) output.on('error', () => undefined);
    return exitCode;
  }
}
