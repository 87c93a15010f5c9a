import type { Clock } from '../runtime.js';
import { isIPv4 } from 'node:net';
import type { Device, Sighting } from './device.js';
import { EventStream } from './event-stream.js';
import type { Knocker } from './knocker.js';
import type { MachineComparer } from './machine-identity.js';
import { type FailedKnock, PROBE_LIMIT_MS, type ProbePlan, probe } from './probe.js';
import { Roster, type RosterHost } from './roster.js';
import { slept, withTimeLimit } from './time-limit.js';

/** `host` tells hosts of one name apart. */
export type SearchEvent = { readonly host: number; readonly sighting: Sighting } & SearchOutcome;

type SearchOutcome =
  | { readonly type: 'sighted' }
  /** Comes once for a machine, however many addresses it has. */
  | { readonly type: 'answered'; readonly device: Device }
  | { readonly type: 'silent'; readonly failures: readonly FailedKnock[] }
  /** It answered, and is a machine that is known already by another address. */
  | { readonly type: 'duplicate' };

/** Covers the time between two answers of one host, and is hardly noticed where there is no IPv4 at all. */
const HOLD_FOR_IPV4_MS = 100;

export interface SearchDeps {
  readonly knocker: Knocker;
  readonly clock: Clock;
  readonly isSameMachine: MachineComparer;
}

/**
 * Probes every sighted host in parallel and tells what answers, as it answers. After each `sighted` comes one of the others for the same host.
 * Ends when the sightings have ended and the last probe is done; an aborted signal ends the probes.
 */
export function search(
  sightings: AsyncIterable<Sighting>,
  planFor: (sighting: Sighting) => ProbePlan,
  deps: SearchDeps,
  signal: AbortSignal,
): AsyncIterable<SearchEvent> {
  const running = new Search(planFor, deps, signal);
  void running.run(sightings);
  return running.events;
}

class Search {
  readonly events = new EventStream<SearchEvent>();
  readonly #roster = new Roster();
  readonly #answered: Device[] = [];
  readonly #silent = new Set<RosterHost>();
  /** Hosts whose probe waits for a better address. */
  readonly #holds = new Map<RosterHost, AbortController>();
  readonly #probes = new Set<Promise<void>>();
  /** By name: of two that answer at once one has to be first, while hosts of other names do not wait for the comparison. */
  readonly #admissions = new Map<string, Promise<void>>();

  constructor(
    readonly planFor: (sighting: Sighting) => ProbePlan,
    readonly deps: SearchDeps,
    readonly signal: AbortSignal,
  ) {}

  async run(sightings: AsyncIterable<Sighting>): Promise<void> {
    try {
      for await (const sighting of sightings) this.#take(sighting);
      while (this.#probes.size > 0) await Promise.all(this.#probes);
      this.events.end();
    } catch (error) {
      this.events.fail(error);
    }
  }

  #take(sighting: Sighting): void {
    const change = this.#roster.add(sighting);
    if (change.type === 'new') this.#start(change.host, () => this.#firstProbe(change.host));
    if (change.type !== 'grown') return;
    this.#holds.get(change.host)?.abort();
    // A host that was silent on all that was known of it gets another chance when more is known.
    if (this.#silent.delete(change.host)) this.#start(change.host, () => this.#probe(change.host));
  }

  #start(host: RosterHost, work: () => Promise<void>): void {
    this.#tell(host, { type: 'sighted' });
    const probing = work()
      .catch((error: unknown) => this.events.fail(error))
      .finally(() => this.#probes.delete(probing));
    this.#probes.add(probing);
  }

  /** The answer over IPv6 may come a moment before the one over IPv4, and may know addresses that cannot be reached from here. */
  async #firstProbe(host: RosterHost): Promise<void> {
    if (!host.sighting.addresses.some(isIPv4)) {
      const hold = new AbortController();
      this.#holds.set(host, hold);
      await slept(this.deps.clock, HOLD_FOR_IPV4_MS, AbortSignal.any([this.signal, hold.signal]));
      this.#holds.delete(host);
    }
    await this.#probe(host);
  }

  /** On the addresses that were not tried yet, and again if more have become known meanwhile. */
  async #probe(host: RosterHost): Promise<void> {
    const tried = new Set<string>();
    const failures: FailedKnock[] = [];
    for (;;) {
      const addresses = host.sighting.addresses.filter((address) => !tried.has(address));
      if (addresses.length === 0) break;
      for (const address of addresses) tried.add(address);
      const plan = { ...this.planFor(host.sighting), addresses };
      const result = await probe(plan, this.deps, this.signal);
      if (result.type === 'answered') return this.#queueAdmission(host, result.device);
      failures.push(...result.failures);
    }
    this.#silent.add(host);
    this.#tell(host, { type: 'silent', failures });
  }

  #queueAdmission(host: RosterHost, device: Device): Promise<void> {
    const name = device.name.toLowerCase();
    const before = this.#admissions.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.#admit(host, device));
    this.#admissions.set(name, turn);
    return turn;
  }

  async #admit(host: RosterHost, probed: Device): Promise<void> {
    const { sighting } = host;
    const device = { ...probed, name: this.planFor(sighting).name, addresses: sighting.addresses };
    const twins = this.#answered.filter((known) => known.name.toLowerCase() === device.name.toLowerCase());
    for (const twin of twins) {
      if (await this.#isSame(twin, device)) {
        this.#tell(host, { type: 'duplicate' });
        return;
      }
    }
    this.#answered.push(device);
    this.#tell(host, { type: 'answered', device });
  }

  #tell({ id, sighting }: RosterHost, outcome: SearchOutcome): void {
    this.events.push({ host: id, sighting, ...outcome });
  }

  #isSame(a: Device, b: Device): Promise<boolean> {
    return withTimeLimit(this.deps.clock, PROBE_LIMIT_MS, this.signal, (limited) =>
      this.deps.isSameMachine(a, b, limited),
    );
  }
}
