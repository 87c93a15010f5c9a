import type { Device } from './device.js';

/** Lets a person choose. */
export interface DeviceChooser {
  /**
   * Shows the devices as they come and resolves with the chosen one, which may be before the last one came.
   * Rejects with exit code 130 when the person declines (Ctrl-C), with the signal's reason when it is aborted.
   */
  choose(devices: AsyncIterable<Device>, signal: AbortSignal): Promise<Device>;
}
