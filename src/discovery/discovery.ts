import type { Device } from './device.js';
import type { DiscoveryEvent } from './discovery-event.js';
import type { Scan, ScanOptions } from './scan.js';

/** What commands need of discovery, put together in `src/wiring/discovery.ts`. */
export interface Discovery {
  /**
   * See `findDevice` for what it throws. A device that the user did not name is named on stderr; `emit` is for what else has to be done.
   * Nothing is printed and nobody is asked before `turn` has come: something else may be asking. When it rejects, so does a question.
   */
  findDevice(
    target: string | undefined,
    emit: (event: DiscoveryEvent) => void,
    signal: AbortSignal,
    turn?: Promise<unknown>,
  ): Promise<Device>;
  /** See `scan`. */
  scan(options: ScanOptions, signal: AbortSignal): Scan;
}
