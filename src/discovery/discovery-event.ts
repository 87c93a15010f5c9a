import type { Device } from './device.js';

/** What happens while a device is looked for; a reporter renders it on stderr. */
export type DiscoveryEvent =
  /** Nobody has answered for a second; it may take as long as `limitMs` from the start. */
  | { readonly type: 'searching'; readonly limitMs: number }
  /** The user named none: this one is used. `only`: it is the only one; `chosen`: picked from a list. */
  | { readonly type: 'device-selected'; readonly device: Device; readonly reason: 'only' | 'chosen' };
