import type { KeyPath } from './json-edit.js';
import type { AddressSettings, WifiSettings } from './network-settings.js';

/** Everything that `rdt configure` can change, valid by itself, with all files read. Pure data: see configure-plan.ts for what it does. */
export interface ConfigureSettings {
  /** For `config.json`, in this order. */
  readonly config: readonly ConfigEdit[];
  readonly wifi: WifiRequest;
  /** Not said of which network: the Wi-Fi network where there is one, else the wired one. */
  readonly address: AddressSettings | undefined;
  readonly ethernet: AddressSettings | undefined;
  /** NetworkManager profiles to be stored as they are. */
  readonly connections: readonly ConnectionFile[];
}

export type ConfigEdit =
  /** `json` is valid JSON and stands in the file as it is here. */
  | { readonly kind: 'set'; readonly path: KeyPath; readonly json: string }
  | { readonly kind: 'unset'; readonly path: KeyPath };

export type WifiRequest =
  | { readonly kind: 'none' }
  /** Goes into the profile `resin-wifi`, on top of what it says. */
  | { readonly kind: 'one'; readonly settings: WifiSettings }
  /** All networks, the preferred one first: `resin-wifi`, `resin-wifi-2`, ... and no further ones of ours. */
  | { readonly kind: 'list'; readonly networks: readonly WifiSettings[] };

export interface ConnectionFile {
  /** File name in `system-connections/`. */
  readonly name: string;
  readonly content: Buffer;
}

export const isEmptySettings = (settings: ConfigureSettings): boolean =>
  settings.config.length === 0 &&
  settings.wifi.kind === 'none' &&
  settings.address === undefined &&
  settings.ethernet === undefined &&
  settings.connections.length === 0;
