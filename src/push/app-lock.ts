import { type DeviceLock, lockApp } from './device-lock.js';
import type { HeldDeps, PushDeps, PushJob } from './push-job.js';
import { type RemoteState, readRemote } from './push-state.js';

/** What the holder of the lock has. */
export interface Held {
  /** Its signal is also aborted when the lock is lost. */
  readonly deps: PushDeps & Pick<HeldDeps, 'lost' | 'debt' | 'lapsedAtMs'>;
  /** As it is now that nobody else changes it. */
  readonly remote: RemoteState;
}

/** The lock of one push, which can be taken while it still finds out what it has to do; let go when disposed. */
export class AppLock implements AsyncDisposable {
  private taking: Promise<Held> | undefined;
  private lock: DeviceLock | undefined;

  constructor(
    private readonly job: PushJob,
    private readonly deps: PushDeps,
  ) {}

  /** Does not wait. Whoever takes it then is told why it could not be had. */
  begin(): void {
    this.take().catch(() => undefined);
  }

  /** @throws RdtError (exit code 8) when somebody else has it. */
  take(): Promise<Held> {
    this.taking ??= this.lockAndLook();
    return this.taking;
  }

  private async lockAndLook(): Promise<Held> {
    const deps = await this.locked();
    return { deps, remote: await readRemote(this.job, deps) };
  }

  private async locked(): Promise<Held['deps']> {
    const { engine, holder, clock, signal, lost, debt, lapsedAtMs } = this.deps;
    if (lost !== undefined && debt !== undefined && lapsedAtMs !== undefined)
      return { ...this.deps, lost, debt, lapsedAtMs };
    const lock = await lockApp({ engine, app: this.job.settings.appName, holder, clock }, signal);
    this.lock = lock;
    return {
      ...this.deps,
      lost: lock.lost,
      debt: lock.debt,
      lapsedAtMs: (within) => lock.lapsedAtMs(within),
      signal: AbortSignal.any([signal, lock.lost]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Why it could not be taken was told by `take`, or is nothing that a push that failed before has to say.
    await this.taking?.catch(() => undefined);
    await this.lock?.[Symbol.asyncDispose]();
  }
}
