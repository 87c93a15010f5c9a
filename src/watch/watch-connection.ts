import { ExitCode, RdtError } from '../errors.js';
import { AppRestarter } from '../push/app-restarter.js';
import { type DeviceLock, lockApp } from '../push/device-lock.js';
import type { HeldDeps } from '../push/push-job.js';
import type { EngineConnection } from '../push/push-project.js';
import { unreachable } from '../transport/connection-error.js';
import type { Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import type { AppLog } from './app-log.js';
import { AppMonitor } from './app-monitor.js';
import type { ContextLook } from './context-look.js';
import { isAbsence, isEngineTrouble } from './failures.js';
import { Inbox } from './inbox.js';
import type { LazyDeployments } from './lazy-deployments.js';
import type { MovingDevice } from './moving-device.js';
import { withPatience } from '../transport/patience.js';
import type { Ready } from './ready.js';
import type { TriggerLook } from './trigger-look.js';
import type { Message, Session, WatchDeps, WatchedFolder } from './watch-deps.js';
import type { WatchMemory } from './watch-memory.js';
import type { WatchedProject } from './watched-project.js';
import { WatchSession } from './watch-session.js';

const FIRST_PAUSE_MS = 250;
/** A device that is back is found so much later at most, with the patience for one try. */
const LONGEST_PAUSE_MS = 500;
/** Where a host has refused us, which nobody mends at once: it may count our tries. */
const REFUSED_PAUSE_MS = 5_000;
const PATIENCE_MS = 1_000;
const GLANCE_MS = 1_000;

export interface WatchConnectionParts {
  /** Of the lock: the same for the whole watch, which takes over what an earlier connection could not let go. */
  readonly nonce: string;
  readonly project: WatchedProject;
  readonly device: MovingDevice;
  readonly memory: WatchMemory;
  readonly triggers: TriggerLook;
  readonly context: ContextLook;
  readonly store: LazyDeployments;
  readonly folder: WatchedFolder;
  readonly log: AppLog | undefined;
  readonly deps: WatchDeps;
}

/** The way to the device, which may be gone for a while: each time it is back there is a new session, with a complete push first. */
export class WatchConnection {
  private lostAtMs: number | undefined;
  private isRefusalTold = false;
  private isWatchTold = false;

  constructor(private readonly parts: WatchConnectionParts) {}

  /** Until the project file says something else. @throws what no waiting could mend, and the signal's reason. */
  async run(): Promise<void> {
    const { memory, deps } = this.parts;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      try {
        await this.turn(() => (pauseMs = FIRST_PAUSE_MS));
        return;
      } catch (error) {
        deps.signal.throwIfAborted();
        if (!(error instanceof RdtError) || !memory.hasWorked) throw error;
        if (isAbsence(error)) this.lost(error);
        else if (this.isRefused(error)) {
          this.refused(error);
          pauseMs = REFUSED_PAUSE_MS;
        } else throw error;
      }
      await deps.clock.sleep(pauseMs, deps.signal);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  private async turn(onReady: () => void): Promise<void> {
    await using connection = await this.connected();
    await this.session(connection, onReady);
  }

  private lost({ message }: RdtError): void {
    const { deps, device } = this.parts;
    const nowMs = deps.clock.monotonicMs();
    if (this.lostAtMs === undefined) deps.emit({ type: 'device-lost', reason: message });
    this.lostAtMs ??= nowMs;
    device.search(nowMs - this.lostAtMs);
  }

  /** By what answers over ssh in the place of a device that is away: another host has its address in this network, or it was flashed anew. */
  private isRefused({ exitCode }: RdtError): boolean {
    return this.lostAtMs !== undefined && exitCode === ExitCode.auth;
  }

  private refused({ message, hint }: RdtError): void {
    if (this.isRefusalTold) return;
    this.isRefusalTold = true;
    this.parts.deps.emit({ type: 'device-lost', reason: message, hint });
  }

  /** The first connection is not asked anything: the push has more patience. */
  private async connected(): Promise<EngineConnection> {
    const { device, deps } = this.parts;
    if (this.lostAtMs === undefined) return deps.connect(device.now);
    const where = device.next;
    const connection = await deps.connect(where);
    const { engine } = connection;
    try {
      const patience = { ...deps, where: engine.description, ms: PATIENCE_MS };
      await withPatience(patience, (signal) => engine.ping(signal));
      if (await withPatience(patience, (signal) => device.isAt(where, engine, signal))) return connection;
      throw unreachable(engine.description, new Error('another device answers there'));
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error instanceof EngineError ? notToBeWorkedWith(engine, error) : error;
    }
  }

  private async session(connection: EngineConnection, onReady: () => void): Promise<void> {
    const { triggers, device, store } = this.parts;
    const { engine } = connection;
    await using lock = await this.locked(engine);
    device.learn(engine);
    await store.forget();
    const end = new AbortController();
    const session = this.open(connection, lock, end);
    const watching = new WatchSession(session, triggers, (ready) => {
      onReady();
      this.ready(ready);
    });
    const helpers = this.help(session, end);
    try {
      await watching.run();
    } catch (error) {
      if (error instanceof RdtError && isAbsence(error)) lock.abandon();
      // That of a lock that could not be renewed, such as on a full disk.
      throw lock.lost.aborted && isEngineTrouble(error) ? notToBeWorkedWith(engine, error) : error;
    } finally {
      end.abort(new Error('the session has ended'));
      await helpers;
    }
  }

  private async locked(engine: Engine): Promise<DeviceLock> {
    const { project, memory, nonce, deps } = this.parts;
    const { clock, holder, signal } = deps;
    const app = project.settings.appName;
    try {
      return await lockApp({ engine, app, holder, clock, nonce }, signal);
    } catch (error) {
      if (!memory.hasWorked || !(error instanceof EngineError)) throw error;
      throw notToBeWorkedWith(engine, error);
    }
  }

  /** `end` ends the session. */
  private open(connection: EngineConnection, lock: DeviceLock, end: AbortController): Session {
    const { project, deps, store, folder, device } = this.parts;
    const { engine } = connection;
    const lost = AbortSignal.any([lock.lost, end.signal]);
    const signal = AbortSignal.any([deps.signal, lost]);
    const inbox = new Inbox<Message>();
    signal.addEventListener('abort', () => inbox.close(), { once: true });
    const monitor = new AppMonitor({
      engine,
      app: project.settings.appName,
      clock: deps.clock,
      signal,
      tell: (news) => inbox.put({ kind: 'app', news }),
      reach: (timeoutMs, asked) => deps.reach(device.now, timeoutMs, asked),
      lost: (error) => end.abort(error instanceof EngineError ? notToBeWorkedWith(engine, error) : error),
    });
    const held: HeldDeps = {
      ...deps,
      store,
      device: device.now,
      engine,
      builder: () => connection.builder(),
      scan: (known) => folder.refresh(known, signal),
      signal,
      lost,
      debt: lock.debt,
      lapsedAtMs: (within) => lock.lapsedAtMs(within),
      // Ends with the session, as `lost` does.
      restarter: new AppRestarter(engine, lost),
    };
    const projectHasChanged = (): Promise<boolean> => project.hasChanged();
    return {
      ...this.parts,
      emit: deps.emit,
      job: () => project.job(),
      held,
      inbox,
      monitor,
      projectHasChanged,
    };
  }

  /** What goes on beside the session, until it ends. A bug in it ends the session. */
  private async help({ monitor, inbox, held }: Session, end: AbortController): Promise<void> {
    const { signal } = held;
    const helpers = [monitor.run(), this.hearChanges(inbox, signal), this.glanceAround(inbox, signal)].map(
      (helper) => helper.catch((error: unknown) => end.abort(error)),
    );
    await Promise.all(helpers);
  }

  private async hearChanges(inbox: Inbox<Message>, signal: AbortSignal): Promise<void> {
    try {
      for (;;) inbox.put({ kind: 'batch', batch: await this.parts.folder.nextBatch(signal) });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** The project file, what a build takes from ignored folders, and where the source leads to, are not part of the folder that is watched. */
  private async glanceAround(inbox: Inbox<Message>, signal: AbortSignal): Promise<void> {
    const { triggers, folder, deps } = this.parts;
    try {
      for (;;) {
        await deps.clock.sleep(GLANCE_MS, signal);
        folder.glance();
        const isNew = triggers.glance();
        if (!(await this.isContextDue(signal)) && !isNew) continue;
        const nowMs = deps.clock.monotonicMs();
        inbox.put({ kind: 'batch', batch: { firstEventAtMs: nowMs, settledAtMs: nowMs } });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private async isContextDue(signal: AbortSignal): Promise<boolean> {
    const { memory, context } = this.parts;
    return memory.failedBuild !== undefined && (await context.glance(signal));
  }

  private ready({ container }: Ready): void {
    const { deps, log, project, folder } = this.parts;
    if (this.lostAtMs !== undefined)
      deps.emit({ type: 'device-back', afterMs: deps.clock.monotonicMs() - this.lostAtMs });
    this.lostAtMs = undefined;
    this.isRefusalTold = false;
    if (!this.isWatchTold)
      deps.emit({ type: 'watching', app: project.settings.appName, how: folder.watching });
    this.isWatchTold = true;
    log?.begin(container.state.finishedAt);
    log?.hurry();
  }
}

const notToBeWorkedWith = ({ description }: Engine, cause: EngineError): RdtError =>
  new RdtError(`${description} cannot be worked with: ${cause.message}.`, {
    exitCode: ExitCode.unreachable,
    cause,
  });
