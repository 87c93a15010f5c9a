import type { Device } from '../discovery/device.js';
import { RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { Engine } from '../transport/engine.js';

/** A device that is away for so long may come back with another address. */
const AWAY_MS = 5_000;
const BETWEEN_SEARCHES_MS = 10_000;

export interface MovingDeviceDeps {
  /** As the user named it. */
  readonly target: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  findDevice(target: string, turn: Promise<unknown>, signal: AbortSignal): Promise<Device>;
}

/** One device, which may get another address while it is away. Names are not unique: only the engine itself tells that it is the same. */
export class MovingDevice {
  private readonly home: Device;
  /** Found under its name, and not yet known to be it. */
  private found: Device | undefined;
  private engineId: string | undefined;
  private searchedAtMs = 0;

  constructor(
    private current: Device,
    private readonly deps: MovingDeviceDeps,
  ) {
    this.home = current;
  }

  /** Where it was last. */
  get now(): Device {
    return this.current;
  }

  /** Where to try next while it is away. */
  get next(): Device {
    return this.found ?? this.current;
  }

  /** To be called with the engine that is known to be the right one; asks it in the background until it is known. */
  learn(engine: Engine): void {
    if (this.engineId !== undefined) return;
    engine.info(this.deps.signal).then(
      ({ id }) => (this.engineId ??= id),
      (error: unknown) => this.ignore(error),
    );
  }

  /** Whether it is what answers at `device`: then it is there `now`. Away from the first address only the engine that was learnt counts. */
  async isAt(device: Device, engine: Engine, signal: AbortSignal): Promise<boolean> {
    const isIt = device.address === this.home.address || (await this.isLearnt(engine, signal));
    this.found = undefined;
    this.current = isIt ? device : this.home;
    return isIt;
  }

  private async isLearnt(engine: Engine, signal: AbortSignal): Promise<boolean> {
    return this.engineId !== undefined && (await engine.info(signal)).id === this.engineId;
  }

  /** To be called while it does not answer; looks for it in the background now and then. An address that the user typed stays. */
  search(awayForMs: number): void {
    const { target, clock, signal } = this.deps;
    const name = target ?? this.home.name;
    const nowMs = clock.monotonicMs();
    if (name === this.home.address || awayForMs < AWAY_MS) return;
    if (nowMs - this.searchedAtMs < BETWEEN_SEARCHES_MS) return;
    this.searchedAtMs = nowMs;
    this.deps.findDevice(name, Promise.resolve(), signal).then(
      (found) => (this.found = found),
      (error: unknown) => this.ignore(error),
    );
  }

  /** It is away again, not there yet, or one of several of that name. */
  private ignore(error: unknown): void {
    if (!(error instanceof RdtError) && !this.deps.signal.aborted) throw error;
  }
}
