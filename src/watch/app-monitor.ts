import { ExitCode, RdtError } from '../errors.js';
import { AFTERMATH_MS, containerNamed } from '../push/container-named.js';
import type { Clock } from '../runtime.js';
import type { Container, Engine } from '../transport/engine.js';
import { silentEngine } from '../transport/connection-error.js';
import { EngineError } from '../transport/engine-error.js';
import { type AppNews, newsBetween } from './app-news.js';
import { CutWatch } from './cut-watch.js';
import { withPatience } from '../transport/patience.js';

/** What ends, or cuts the connection, is heard at once; only what pauses, replaces or goes silent waits for this. */
const BEAT_MS = 2_000;
/** After a beat that was not answered. */
const RETRY_MS = 250;
const PATIENCE_MS = { inspect: 1_500, ping: 2_000 };
/** Beats without an answer after which the device is lost: one that works for us may be slow to answer. */
const MISSED = { idle: 1, busy: 4 };
const EXIT_PAUSE_MS = 200;

export interface AppMonitorDeps {
  readonly engine: Engine;
  readonly app: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: (news: AppNews) => void;
  /** Whether the device takes a new connection within `timeoutMs`, however busy its engine is. */
  reach(timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  /** The device does not answer any more, or what is under way never will be answered. */
  lost(error: RdtError): void;
}

/** Looks after the app's container and the connection to the device, and tells what others do to them; what we do ourselves is no news. */
export class AppMonitor {
  private latest: Container | undefined;
  private lastExitCode: number | undefined;
  /** Nothing that we do pauses a container, or lets it go on. */
  private isPaused = false;
  private ownWork = 0;
  private ownWorkDone = 0;
  private missed = 0;
  private nudged: (() => void) | undefined;

  constructor(private readonly deps: AppMonitorDeps) {}

  /** As it was last seen. */
  get container(): Container | undefined {
    return this.latest;
  }

  /** Until the signal is aborted or the device is lost. */
  async run(): Promise<void> {
    try {
      await Promise.all([this.beats(), this.exits(), this.cut()]);
    } catch (error) {
      if (!this.deps.signal.aborted) throw error;
    }
  }

  /** Whatever happens to the container during `work` is our own doing. */
  async quietly<T>(work: () => Promise<T>): Promise<T> {
    this.ownWork += 1;
    try {
      return await work();
    } finally {
      this.ownWork -= 1;
      this.ownWorkDone += 1;
      this.latest = undefined;
    }
  }

  /** The container as it is now, after work of ours that left it running: one that has ended since is told, and that the one of `expectedId` is gone. @throws what the engine throws. */
  async look(expectedId?: string): Promise<Container | undefined> {
    const { engine, app, clock, signal, tell } = this.deps;
    let container = await containerNamed(engine, app, signal);
    if (expectedId !== undefined && container === undefined) {
      // Whoever removes it may put another one in its place.
      await clock.sleep(AFTERMATH_MS, signal);
      container = await containerNamed(engine, app, signal);
    }
    this.latest = container;
    this.lastExitCode = undefined;
    if (expectedId !== undefined && container?.id !== expectedId)
      tell({ kind: container === undefined ? 'removed' : 'replaced' });
    if (container === undefined) return undefined;
    const { running, restarting, exitCode, paused } = container.state;
    if (!running || restarting) tell({ kind: 'exited', exitCode, restarts: restarting });
    if (paused !== this.isPaused) tell({ kind: paused ? 'paused' : 'resumed' });
    this.isPaused = paused;
    return container;
  }

  /** Asks the engine; when it is paused, that is told, and then that it goes on. */
  async isAppPaused(): Promise<boolean> {
    const { engine, app, signal } = this.deps;
    const container = await containerNamed(engine, app, signal);
    return container?.state.paused === true && (await this.look())?.state.paused === true;
  }

  private async beats(): Promise<void> {
    let pauseMs = BEAT_MS;
    for (;;) {
      await this.pause(pauseMs);
      pauseMs = BEAT_MS;
      try {
        await this.beat();
        this.missed = 0;
      } catch (error) {
        this.deps.signal.throwIfAborted();
        if (!isUnanswered(error)) throw error;
        if (++this.missed >= (this.ownWork > 0 ? MISSED.busy : MISSED.idle)) {
          this.deps.lost(error);
          return;
        }
        pauseMs = RETRY_MS;
      }
    }
  }

  /** The beats alone take too long to find that out, as they have to be patient with a busy engine. */
  private async cut(): Promise<void> {
    const { deps } = this;
    const { engine, clock, signal } = deps;
    const work = (): number | undefined => (this.ownWork > 0 ? this.ownWorkDone : undefined);
    const ping = (asked: AbortSignal): Promise<void> => engine.ping(asked);
    const reach = (ms: number, asked: AbortSignal): Promise<boolean> => deps.reach(ms, asked);
    await new CutWatch({ clock, signal, ping, reach, work }).cut();
    deps.lost(silentEngine(engine.description, PATIENCE_MS.ping));
  }

  private async beat(): Promise<void> {
    if (this.ownWork > 0 || this.latest === undefined) return this.ping();
    const before = this.latest;
    let now = await this.inspect();
    if (now !== 'no answer' && hasEnded(before, now)) {
      await this.deps.clock.sleep(AFTERMATH_MS, this.deps.signal);
      now = await this.inspect();
    }
    if (now === 'no answer') return this.ping();
    // Our own work has begun, or ended, while the question was under way.
    if (this.latest !== before || this.ownWork > 0) return;
    const news = newsBetween(before, now, this.lastExitCode);
    this.latest = now;
    this.isPaused = now?.state.paused ?? false;
    if (news !== undefined) this.deps.tell(news);
  }

  /** An engine that works on a container answers no question about it meanwhile, and yet is there. */
  private async inspect(): Promise<Container | undefined | 'no answer'> {
    const { engine, app } = this.deps;
    try {
      return await this.patiently(PATIENCE_MS.inspect, (signal) => containerNamed(engine, app, signal));
    } catch (error) {
      this.deps.signal.throwIfAborted();
      if (isUnanswered(error)) return 'no answer';
      throw error;
    }
  }

  private ping(): Promise<void> {
    return this.patiently(PATIENCE_MS.ping, (signal) => this.deps.engine.ping(signal));
  }

  private patiently<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { engine, clock, signal } = this.deps;
    return withPatience({ clock, signal, where: engine.description, ms }, work);
  }

  /** A crash is told at once, and its exit code is only known here when the engine has started the app again since. */
  private async exits(): Promise<void> {
    const { engine, clock, signal } = this.deps;
    for (;;) {
      const id = this.latest?.state.running === true ? this.latest.id : undefined;
      try {
        if (id !== undefined) this.lastExitCode = await engine.waitContainer(id, 'next-exit', signal);
      } catch (error) {
        signal.throwIfAborted();
        // It is gone, or the connection is: the next beat finds out which.
        if (!(error instanceof RdtError)) throw error;
      }
      if (id !== undefined) this.nudged?.();
      await clock.sleep(EXIT_PAUSE_MS, signal);
    }
  }

  private async pause(ms: number): Promise<void> {
    const { clock, signal } = this.deps;
    signal.throwIfAborted();
    const over = new AbortController();
    const stop = (): void => over.abort();
    this.nudged = stop;
    signal.addEventListener('abort', stop, { once: true });
    await clock.sleep(ms, over.signal).catch(() => undefined);
    signal.removeEventListener('abort', stop);
    signal.throwIfAborted();
  }
}

const hasEnded = (before: Container, now: Container | undefined): boolean =>
  before.state.running && now?.state.running !== true;

/** The connection is gone, the engine is about to go, or something else answers at its address. */
const isUnanswered = (error: unknown): error is RdtError =>
  error instanceof EngineError || (error instanceof RdtError && error.exitCode === ExitCode.unreachable);
