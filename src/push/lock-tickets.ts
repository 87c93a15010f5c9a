import { ExitCode, RdtError } from '../errors.js';
import type { Engine, Volume } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { isDebt } from './app-debt.js';

/** A ticket that is older, on the device's own clock, is that of a holder that died, or was cut off. */
export const LEASE_MS = 25_000;

/** Volumes without labels: more than engines leave that were ended. */
const MOST_LEFT = 8;

/** On tickets and debts; its value is the app's name. */
export const LOCK_LABEL = 'io.resin.rdt.lock';
const HOLDER = 'io.resin.rdt.lock.holder';
const PROCESS = 'io.resin.rdt.lock.process';
const NONCE = 'io.resin.rdt.lock.nonce';
const TAKEN_AT = 'io.resin.rdt.lock.taken-at-ms';

/** A process that has the lock, or wants it. */
export interface Holder {
  /** Shown to whoever comes second: `anna@laptop (pid 4711)`. */
  readonly name: string;
  /** Names this process, on this computer only. */
  readonly process: string;
  /** Whether another `process` is one of this very computer that is not there any more. False where nobody can tell. */
  hasEnded(process: string): boolean;
}

export interface Applicant {
  readonly engine: Engine;
  readonly app: string;
  readonly holder: Holder;
}

/** A volume that stands for a lock: see device-lock.ts. */
export interface Ticket {
  readonly name: string;
  readonly number: number;
  readonly nonce: string | undefined;
  /** The name of its holder. */
  readonly holder: string;
  readonly process: string | undefined;
  readonly takenAtMs: number;
}

export const notOf = (nonce: string, tickets: readonly Ticket[]): readonly Ticket[] =>
  tickets.filter((ticket) => ticket.nonce !== nonce);

/** The app's tickets and debts. @throws RdtError for an engine that cannot list them. */
export async function readTickets(
  engine: Engine,
  app: string,
  signal: AbortSignal,
): Promise<{ tickets: Ticket[]; debts: Volume[]; deviceTimeMs: number }> {
  const { volumes, deviceTimeMs } = await labelledVolumes(engine, `${LOCK_LABEL}=${app}`, signal);
  const debts = volumes.filter(isDebt);
  const tickets = volumes.filter((volume) => !isDebt(volume)).map(parseTicket);
  return { tickets, debts, deviceTimeMs };
}

/** Docker 1.12 and older refuse the filter (moby#27030), and before 1.11 volumes have no labels. */
async function labelledVolumes(
  engine: Engine,
  label: string,
  signal: AbortSignal,
): ReturnType<Engine['listVolumes']> {
  try {
    return await engine.listVolumes(label, signal);
  } catch (error) {
    if (error instanceof EngineError && /invalid filter/i.test(error.message)) throw tooOld(engine);
    throw error;
  }
}

const tooOld = ({ description }: Engine): RdtError =>
  new RdtError(`${description} knows no volumes by their labels, by which rdt locks an app`, {
    hint: 'rdt needs Docker 1.13 (2017) or later, or a balenaEngine.',
  });

/**
 * Answers the new ticket, after the volumes without labels that were in its place: an engine that was ended while it created a ticket
 * leaves one, which nobody holds and no list of labels shows. They go with the tickets. @throws RdtError (exit code 8) when somebody was quicker.
 */
export async function createTicket(
  applicant: Applicant,
  first: number,
  nonce: string,
  deviceTimeMs: number,
  signal: AbortSignal,
): Promise<Ticket[]> {
  const { engine, app, holder } = applicant;
  const labels = {
    [LOCK_LABEL]: app,
    [HOLDER]: holder.name,
    [PROCESS]: holder.process,
    [NONCE]: nonce,
    [TAKEN_AT]: String(deviceTimeMs),
  };
  const tickets: Ticket[] = [];
  for (let number = first; tickets.length <= MOST_LEFT; number++) {
    const ticket = parseTicket(await engine.createVolume(`rdt-lock.${app}.${number}`, labels, signal));
    tickets.push(ticket);
    if (ticket.nonce === nonce) return tickets;
    if (ticket.nonce !== undefined) throw heldBy(ticket, deviceTimeMs, applicant);
  }
  for (const ticket of tickets) await removeIfUnused(engine, ticket, signal);
  throw tooOld(engine);
}

/** Somebody may have pruned what nobody uses, or use it. */
export async function removeIfUnused(
  engine: Engine,
  { name }: Pick<Volume, 'name'>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await engine.removeVolume(name, signal);
  } catch (error) {
    if (!(error instanceof EngineError) || ![404, 409].includes(error.status)) throw error;
  }
}

function parseTicket({ name, labels }: Volume): Ticket {
  return {
    name,
    number: Number(name.slice(name.lastIndexOf('.') + 1)),
    nonce: labels[NONCE],
    holder: labels[HOLDER] ?? 'somebody',
    process: labels[PROCESS],
    takenAtMs: Number(labels[TAKEN_AT] ?? 0),
  };
}

/** @throws RdtError (exit code 8) that names who holds a ticket that has not run out. */
export function refuseIfHeld(
  tickets: readonly Ticket[],
  deviceTimeMs: number,
  applicant: Pick<Applicant, 'app' | 'holder'>,
): void {
  const live = tickets.find(({ takenAtMs }) => Math.abs(deviceTimeMs - takenAtMs) < LEASE_MS);
  if (live !== undefined) throw heldBy(live, deviceTimeMs, applicant);
}

function heldBy(
  { holder, process, takenAtMs }: Ticket,
  deviceTimeMs: number,
  applicant: Pick<Applicant, 'app' | 'holder'>,
): RdtError {
  const { app } = applicant;
  const isLeft = process !== undefined && applicant.holder.hasEnded(process);
  const seconds = Math.ceil((takenAtMs + LEASE_MS - deviceTimeMs) / 1_000);
  const [message, hint] = isLeft
    ? [
        `a push of ${app} from this computer, ${holder}, was cut off and has left its lock`,
        `The lock goes away by itself within ${seconds} s: what that push asked the device for may still be under way. Try again then.`,
      ]
    : [
        `${app} is being pushed by ${holder}`,
        `Try again when that push has ended. The lock of a push that was killed goes away by itself within ${LEASE_MS / 1_000} s.`,
      ];
  return new RdtError(message, { exitCode: ExitCode.locked, hint });
}
