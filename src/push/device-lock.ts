import { randomBytes } from 'node:crypto';
import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import { silentEngine } from '../transport/connection-error.js';
import type { Volume } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { withPatience } from '../transport/patience.js';
import { AppDebt } from './app-debt.js';
import {
  type Applicant,
  createTicket,
  LEASE_MS,
  LOCK_LABEL,
  notOf,
  readTickets,
  refuseIfHeld,
  removeIfUnused,
  type Ticket,
} from './lock-tickets.js';

const RENEW_MS = 8_000;
/** From a renewal that failed to the next try. */
const RETRY_MS = 2_000;
const PATIENCE_MS = 3_000;
const SLOW_ANSWER_MS = 1_000;
/** For the first ticket, on a device that is busy. */
const TICKET_MS = 10_000;

export interface LockRequest extends Applicant {
  readonly clock: Clock;
  /** That of an earlier lock of the same process, which may not have been let go because the device was away: it is taken over. */
  readonly nonce?: string;
}

/**
 * Takes the app's lock on the device. It is made of what every engine has: `POST /volumes/create` never overwrites a volume, it answers the one
 * that exists, so that of two who create the same name exactly one finds its own nonce. Labels cannot be changed, so the
 * holder renews by creating the next ticket (`rdt-lock.<app>.<n+1>`) and removing the last one; the highest ticket is the lock.
 * A holder that died leaves a ticket which is stale after LEASE_MS on the device's own clock. What the holder owes the app when it
 * lets go stays on the device beside the tickets (`AppDebt`).
 * @throws RdtError (exit code 8) that names the holder, or (exit code 4) when the engine takes too long.
 */
export async function lockApp(request: LockRequest, signal: AbortSignal): Promise<DeviceLock> {
  const { engine, app } = request;
  const nonce = request.nonce ?? newNonce();
  const before = await readTickets(engine, app, signal);
  refuseIfHeld(notOf(nonce, before.tickets), before.deviceTimeMs, request);
  const number = Math.max(0, ...before.tickets.map((ticket) => ticket.number)) + 1;
  signal.throwIfAborted();
  // Not to be interrupted: a request that we no longer wait for may still make its ticket.
  const patience = { clock: request.clock, where: engine.description, ms: TICKET_MS };
  const tickets = await withPatience(patience, (limit) =>
    createTicket(request, number, nonce, before.deviceTimeMs, limit),
  );
  const isLeft = notOf(nonce, before.tickets).length > 0;
  const lock = new DeviceLock(request, nonce, tickets, { kept: before.debts, isLeft });
  if (before.tickets.length > 0) await settleAmongStealers(request, lock, nonce, before.tickets, signal);
  lock.startRenewing();
  return lock;
}

/**
 * Waits for `looking`, a question about the app's container. An engine that unpacks a large sync in a container answers no other
 * question about it meanwhile: whoever has to wait is told for whom, as by `lockApp`.
 */
export async function unlessLocked<T>(
  { engine, app, holder, clock }: LockRequest,
  looking: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const answered = new AbortController();
  const waiting = AbortSignal.any([signal, answered.signal]);
  const checked = clock.sleep(SLOW_ANSWER_MS, waiting).then(async () => {
    const { tickets, deviceTimeMs } = await readTickets(engine, app, waiting);
    refuseIfHeld(tickets, deviceTimeMs, { app, holder });
  });
  try {
    return await Promise.race([looking, checked.then(() => looking)]);
  } finally {
    answered.abort();
  }
}

export const newNonce = (): string => randomBytes(12).toString('hex');

/**
 * Two who found the same stale lock may hold tickets of different numbers: whoever sees another live one stands back. After any failure
 * the lock is let go.
 */
async function settleAmongStealers(
  request: LockRequest,
  lock: DeviceLock,
  nonce: string,
  stale: readonly Ticket[],
  signal: AbortSignal,
): Promise<void> {
  const { engine, app } = request;
  try {
    const now = await readTickets(engine, app, signal);
    refuseIfHeld(notOf(nonce, now.tickets), now.deviceTimeMs, request);
    for (const ticket of stale) await removeIfUnused(engine, ticket, signal);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** Held until disposed. `lost` is aborted when the lock could not be renewed in time, or somebody else took it. */
export class DeviceLock implements AsyncDisposable {
  private readonly ended = new AbortController();
  private readonly loss = new AbortController();
  private renewing: Promise<void> = Promise.resolve();
  /** That `tickets` is all that the device has of ours. */
  private isSure = true;
  private isAbandoned = false;
  private lastLapsedMs: number | undefined;
  private readonly kept: readonly Volume[];
  /** Written to the device when the lock is let go. */
  readonly debt: AppDebt;

  constructor(
    private readonly request: LockRequest,
    private readonly nonce: string,
    private readonly tickets: Ticket[],
    { kept, isLeft }: { readonly kept: readonly Volume[]; readonly isLeft: boolean },
  ) {
    this.kept = kept;
    this.debt = new AppDebt(request.app, kept, isLeft);
  }

  get lost(): AbortSignal {
    return this.loss.signal;
  }

  /** The device is away: nothing is asked of it when the lock is disposed. Its ticket runs out, or is taken over by who has the nonce. */
  abandon(): void {
    this.isAbandoned = true;
  }

  /**
   * When it was last found to have run out, by the device's clock: a computer that sleeps does not renew it, and does not know that it
   * slept. @throws RdtError (exit code 8) when somebody else has taken it since.
   */
  async lapsedAtMs(signal: AbortSignal): Promise<number | undefined> {
    const { tickets, deviceTimeMs } = await readTickets(this.request.engine, this.request.app, signal);
    this.refuseIfTaken(tickets, deviceTimeMs);
    return this.lastLapsedMs;
  }

  startRenewing(): void {
    this.renewing = this.renewUntilEnded();
  }

  private async renewUntilEnded(): Promise<void> {
    const { clock } = this.request;
    let leaseEndsMs = clock.monotonicMs() + LEASE_MS;
    let pauseMs = RENEW_MS;
    while (await this.isHeldAfter(pauseMs)) {
      try {
        await this.renew(AbortSignal.timeout(PATIENCE_MS));
        leaseEndsMs = clock.monotonicMs() + LEASE_MS;
        pauseMs = RENEW_MS;
      } catch (error) {
        // A connection that is gone for a moment costs nothing as long as the lease holds.
        const taken = error instanceof RdtError && error.exitCode === ExitCode.locked;
        if (taken || clock.monotonicMs() > leaseEndsMs) {
          this.loss.abort(
            error instanceof RdtError ? error : silentEngine(this.request.engine.description, LEASE_MS),
          );
          return;
        }
        this.isSure = false;
        pauseMs = RETRY_MS;
      }
    }
  }

  private async isHeldAfter(ms: number): Promise<boolean> {
    await this.request.clock.sleep(ms, this.ended.signal).catch((error: unknown) => {
      if (!this.ended.signal.aborted) throw error;
    });
    return !this.ended.signal.aborted;
  }

  private async renew(signal: AbortSignal): Promise<void> {
    const { engine, app } = this.request;
    const { tickets, deviceTimeMs } = await readTickets(engine, app, signal);
    this.refuseIfTaken(tickets, deviceTimeMs);
    const number = Math.max(...this.tickets.map((ticket) => ticket.number)) + 1;
    this.tickets.push(...(await createTicket(this.request, number, this.nonce, deviceTimeMs, signal)));
    await this.removeTickets(1, signal);
  }

  /** A ticket that was pruned by somebody is nothing to give up for: as long as the lease holds, no other push has begun without one of its own. */
  private refuseIfTaken(tickets: readonly Ticket[], deviceTimeMs: number): void {
    const { app } = this.request;
    refuseIfHeld(notOf(this.nonce, tickets), deviceTimeMs, this.request);
    const left = tickets.filter(({ nonce }) => nonce === this.nonce);
    const takenAtMs = Math.max(...[...this.tickets, ...left].map((ticket) => ticket.takenAtMs));
    if (deviceTimeMs - takenAtMs < LEASE_MS) return;
    this.lastLapsedMs = deviceTimeMs;
    if (left.length === 0) throw ranOut(app);
  }

  private async removeTickets(keep: number, signal: AbortSignal): Promise<void> {
    for (
      let oldest = this.tickets[0];
      oldest !== undefined && this.tickets.length > keep;
      oldest = this.tickets[0]
    ) {
      await removeIfUnused(this.request.engine, oldest, signal);
      this.tickets.shift();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ended.abort();
    await this.renewing;
    if (this.isAbandoned || this.loss.signal.aborted) return;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      await this.writeDebt(signal);
      if (!this.isSure) await this.findTickets(signal);
      await this.removeTickets(0, signal);
    } catch (error) {
      // A lock that cannot be let go runs out by itself; the push has succeeded or failed without it.
      if (!(error instanceof RdtError || error instanceof DOMException)) throw error;
    }
  }

  /** Before the tickets go: one that stays says that there may be a debt. A full disk takes no volume: then only this laptop knows of it. */
  private async writeDebt(signal: AbortSignal): Promise<void> {
    const { engine, app } = this.request;
    const owed = this.debt.volumes();
    const names = new Set(owed.map(({ name }) => name));
    try {
      for (const { name, labels } of owed)
        await engine.createVolume(name, { ...labels, [LOCK_LABEL]: app }, signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
    for (const volume of this.kept) if (!names.has(volume.name)) await removeIfUnused(engine, volume, signal);
  }

  /** A renewal that was not answered may have made its ticket all the same. */
  private async findTickets(signal: AbortSignal): Promise<void> {
    const { engine, app } = this.request;
    const { tickets } = await readTickets(engine, app, signal);
    this.tickets.splice(0, Infinity, ...tickets.filter(({ nonce }) => nonce === this.nonce));
  }
}

function ranOut(app: string): RdtError {
  return new RdtError(
    `the lock of ${app} ran out while this computer slept, and somebody else has pushed it since`,
    {
      exitCode: ExitCode.locked,
      hint: 'Push again: the folder is compared with what is there now.',
    },
  );
}
