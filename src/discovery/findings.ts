import type { Device, Sighting } from './device.js';
import { EventStream } from './event-stream.js';
import type { FailedKnock } from './probe.js';
import type { SearchEvent } from './search.js';

/** A host that announced itself but answered nothing. */
export interface SilentHost {
  readonly sighting: Sighting;
  readonly failures: readonly FailedKnock[];
}

/** The state of a search: who answered, who did not, who may yet. */
export class Findings {
  readonly devices: Device[] = [];
  readonly #silent = new Map<number, SilentHost>();
  #pending = 0;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #changed: () => void = () => undefined;
  readonly #live: EventStream<Device>[] = [];

  get silent(): readonly SilentHost[] {
    return [...this.#silent.values()];
  }

  count(): { answered: number; silent: number; pending: number } {
    return { answered: this.devices.length, silent: this.#silent.size, pending: this.#pending };
  }

  /** Resolves when the events have ended. Never rejects: a failure is thrown by `throwIfFailed`, where somebody waits. */
  async follow(events: AsyncIterable<SearchEvent>): Promise<void> {
    try {
      for await (const event of events) this.#take(event);
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#ended = true;
      for (const stream of this.#live) stream.end();
      this.#changed();
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves at the next change. One waiter at a time. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.#changed = resolve));
  }

  /** The devices so far, and every further one. */
  stream(): AsyncIterable<Device> {
    const stream = new EventStream<Device>();
    for (const device of this.devices) stream.push(device);
    if (this.#ended) stream.end();
    this.#live.push(stream);
    return stream;
  }

  #take(event: SearchEvent): void {
    this.#pending += event.type === 'sighted' ? 1 : -1;
    // A silent host whose further address is probed is not silent any more.
    if (event.type === 'sighted') this.#silent.delete(event.host);
    if (event.type === 'silent') this.#silent.set(event.host, event);
    if (event.type === 'answered') this.#add(event.device);
    this.#changed();
  }

  #add(device: Device): void {
    this.devices.push(device);
    for (const stream of this.#live) stream.push(device);
  }
}
