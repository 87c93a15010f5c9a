import { randomBytes } from 'node:crypto';
import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { Engine, Volume } from '../transport/engine.js';

/**
 * A lock on the device, made of what every engine has: `POST /volumes/create` never overwrites a volume, it answers the one
 * that exists, so that of two who create the same name exactly one finds its own nonce. Labels cannot be changed, so the
 * holder renews by creating the next ticket (`rdt-lock.<app>.<n+1>`) and removing the last one; the highest ticket is the lock.
 * A holder that died leaves a ticket which is stale after LEASE_MS on the device's own clock.
 */
const LEASE_MS = 25_000;
const RENEW_MS = 8_000;
const PATIENCE_MS = 3_000;

const LOCK_LABEL = 'io.resin.rdt.lock';
const HOLDER = 'io.resin.rdt.lock.holder';
const NONCE = 'io.resin.rdt.lock.nonce';
const TAKEN_AT = 'io.resin.rdt.lock.taken-at-ms';

export interface LockRequest {
  readonly engine: Engine;
  readonly app: string;
  /** Shown to whoever comes second: `anna@laptop (pid 4711)`. */
  readonly holder: string;
  readonly clock: Clock;
}

interface Ticket {
  readonly name: string;
  readonly number: number;
  readonly nonce: string | undefined;
  readonly holder: string;
  readonly takenAtMs: number;
}

/**
 * Takes the app's lock on the device. @throws RdtError (exit code 8) that names the holder.
 */
export async function lockApp(request: LockRequest, signal: AbortSignal): Promise<DeviceLock> {
  const { engine, app } = request;
  const nonce = randomBytes(12).toString('hex');
  const before = await readTickets(engine, app, signal);
  refuseIfHeld(before.tickets, before.deviceTimeMs, app);
  const number = Math.max(0, ...before.tickets.map((ticket) => ticket.number)) + 1;
  const mine = await createTicket(request, number, nonce, before.deviceTimeMs, signal);
  if (mine.nonce !== nonce) throw heldBy(mine, app);
  const lock = new DeviceLock(request, nonce, mine);
  if (before.tickets.length > 0) await settleAmongStealers(request, lock, nonce, before.tickets, signal);
  lock.startRenewing();
  return lock;
}

/** Two who found the same stale lock may hold tickets of different numbers: whoever sees another live one stands back. */
async function settleAmongStealers(
  { engine, app }: LockRequest,
  lock: DeviceLock,
  nonce: string,
  stale: readonly Ticket[],
  signal: AbortSignal,
): Promise<void> {
  const now = await readTickets(engine, app, signal);
  const others = now.tickets.filter((ticket) => ticket.nonce !== nonce);
  try {
    refuseIfHeld(others, now.deviceTimeMs, app);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
  for (const { name } of stale) await engine.removeVolume(name, signal);
}

/** Held until disposed. `lost` is aborted when the lock could not be renewed in time, or somebody else took it. */
export class DeviceLock implements AsyncDisposable {
  private readonly ended = new AbortController();
  private readonly loss = new AbortController();
  private readonly tickets: Ticket[];
  private renewing: Promise<void> = Promise.resolve();

  constructor(
    private readonly request: LockRequest,
    private readonly nonce: string,
    ticket: Ticket,
  ) {
    this.tickets = [ticket];
  }

  get lost(): AbortSignal {
    return this.loss.signal;
  }

  startRenewing(): void {
    this.renewing = this.renewUntilEnded();
  }

  private async renewUntilEnded(): Promise<void> {
    const { clock } = this.request;
    let leaseEndsMs = clock.monotonicMs() + LEASE_MS;
    while (await this.isHeldAfter(RENEW_MS)) {
      try {
        await this.renew(AbortSignal.timeout(PATIENCE_MS));
        leaseEndsMs = clock.monotonicMs() + LEASE_MS;
      } catch (error) {
        // A connection that is gone for a moment costs nothing as long as the lease holds.
        const taken = error instanceof RdtError && error.exitCode === ExitCode.locked;
        if (!taken && clock.monotonicMs() <= leaseEndsMs) continue;
        this.loss.abort(error);
        return;
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
    const { deviceTimeMs } = await readTickets(engine, app, signal);
    const number = Math.max(...this.tickets.map((ticket) => ticket.number)) + 1;
    const next = await createTicket(this.request, number, this.nonce, deviceTimeMs, signal);
    if (next.nonce !== this.nonce) throw heldBy(next, app);
    this.tickets.push(next);
    await this.removeTickets(1, signal);
  }

  private async removeTickets(keep: number, signal: AbortSignal): Promise<void> {
    for (
      let oldest = this.tickets[0];
      oldest !== undefined && this.tickets.length > keep;
      oldest = this.tickets[0]
    ) {
      await this.request.engine.removeVolume(oldest.name, signal);
      this.tickets.shift();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ended.abort();
    await this.renewing;
    await this.removeTickets(0, AbortSignal.timeout(PATIENCE_MS));
  }
}

async function readTickets(
  engine: Engine,
  app: string,
  signal: AbortSignal,
): Promise<{ tickets: Ticket[]; deviceTimeMs: number }> {
  const { volumes, deviceTimeMs } = await engine.listVolumes(`${LOCK_LABEL}=${app}`, signal);
  return { tickets: volumes.map(parseTicket), deviceTimeMs };
}

async function createTicket(
  { engine, app, holder }: LockRequest,
  number: number,
  nonce: string,
  deviceTimeMs: number,
  signal: AbortSignal,
): Promise<Ticket> {
  const labels = { [LOCK_LABEL]: app, [HOLDER]: holder, [NONCE]: nonce, [TAKEN_AT]: String(deviceTimeMs) };
  return parseTicket(await engine.createVolume(`rdt-lock.${app}.${number}`, labels, signal));
}

function parseTicket({ name, labels }: Volume): Ticket {
  return {
    name,
    number: Number(name.slice(name.lastIndexOf('.') + 1)),
    nonce: labels[NONCE],
    holder: labels[HOLDER] ?? 'somebody',
    takenAtMs: Number(labels[TAKEN_AT] ?? 0),
  };
}

function refuseIfHeld(tickets: readonly Ticket[], deviceTimeMs: number, app: string): void {
  const live = tickets.find(({ takenAtMs }) => Math.abs(deviceTimeMs - takenAtMs) < LEASE_MS);
  if (live !== undefined) throw heldBy(live, app);
}

function heldBy({ holder }: Ticket, app: string): RdtError {
  return new RdtError(`${app} is being pushed by ${holder}`, {
    exitCode: ExitCode.locked,
    hint: 'Try again when that push has ended. The lock of a push that was killed goes away by itself within 30 s.',
  });
}
