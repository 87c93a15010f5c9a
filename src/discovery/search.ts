import type { Clock } from '../runtime.js';
import type { Device, Sighting } from './device.js';
import { EventStream } from './event-stream.js';
import type { Knocker } from './knocker.js';
import type { MachineComparer } from './machine-identity.js';
import { type FailedKnock, PROBE_LIMIT_MS, type ProbePlan, probe } from './probe.js';
import { Roster, type RosterHost } from './roster.js';
import { withTimeLimit } from './time-limit.js';

export type SearchEvent =
  | { readonly type: 'sighted'; readonly sighting: Sighting }
  /** Comes once for a machine, however many addresses it has. */
  | { readonly type: 'answered'; readonly sighting: Sighting; readonly device: Device }
  | { readonly type: 'silent'; readonly sighting: Sighting; readonly failures: readonly FailedKnock[] }
  /** It answered, and is a machine that is known already by another address. */
  | { readonly type: 'duplicate'; readonly sighting: Sighting };

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
    if (change.type === 'new') this.#probe(change.host, sighting.addresses);
    // A host that was silent on all that was known of it gets another chance when more is known.
    else if (change.type === 'grown' && this.#silent.delete(change.host)) {
      this.#probe(change.host, change.newAddresses);
    }
  }

  #probe(host: RosterHost, addresses: readonly string[]): void {
    this.events.push({ type: 'sighted', sighting: host.sighting });
    const probing = this.#probeAndTell(host, addresses)
      .catch((error: unknown) => this.events.fail(error))
      .finally(() => this.#probes.delete(probing));
    this.#probes.add(probing);
  }

  async #probeAndTell(host: RosterHost, addresses: readonly string[]): Promise<void> {
    const plan = { ...this.planFor(host.sighting), addresses };
    const result = await probe(plan, this.deps, this.signal);
    const { sighting } = host;
    if (result.type === 'silent') {
      this.#silent.add(host);
      this.events.push({ type: 'silent', sighting, failures: result.failures });
      return;
    }
    const name = result.device.name.toLowerCase();
    const turn = (this.#admissions.get(name) ?? Promise.resolve()).then(() =>
      this.#admit(host, result.device),
    );
    this.#admissions.set(name, turn);
    await turn;
  }

  async #admit(host: RosterHost, probed: Device): Promise<void> {
    const { sighting } = host;
    const device = { ...probed, name: this.planFor(sighting).name, addresses: sighting.addresses };
    const twins = this.#answered.filter((known) => known.name.toLowerCase() === device.name.toLowerCase());
    for (const twin of twins) {
      if (await this.#isSame(twin, device)) {
        this.events.push({ type: 'duplicate', sighting });
        return;
      }
    }
    this.#answered.push(device);
    this.events.push({ type: 'answered', sighting, device });
  }

  #isSame(a: Device, b: Device): Promise<boolean> {
    return withTimeLimit(this.deps.clock, PROBE_LIMIT_MS, this.signal, (limited) =>
      this.deps.isSameMachine(a, b, limited),
    );
  }
}
