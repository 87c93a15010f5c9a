import type { Device } from './device.js';
import type { DiscoveryEvent } from './discovery-event.js';
import type { Scan, ScanOptions } from './scan.js';

/** What commands need of discovery, put together in `src/wiring/discovery.ts`. */
export interface Discovery {
  /** See `findDevice` for what it throws. A device that the user did not name is named on stderr; `emit` is for what else has to be done. */
  findDevice(
    target: string | undefined,
    emit: (event: DiscoveryEvent) => void,
    signal: AbortSignal,
  ): Promise<Device>;
  /** See `scan`. */
  scan(options: ScanOptions, signal: AbortSignal): Scan;
}
