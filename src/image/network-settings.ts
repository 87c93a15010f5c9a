/** What NetworkManager calls `key-mgmt`; `open` is none. */
export type WifiSecurity = 'open' | 'wpa-psk' | 'sae' | 'wpa-eap';

export const WIFI_SECURITIES = [
  'open',
  'wpa-psk',
  'sae',
  'wpa-eap',
] as const satisfies readonly WifiSecurity[];

export type EapMethod = 'peap' | 'ttls' | 'pwd';

export const EAP_METHODS = ['peap', 'ttls', 'pwd'] as const satisfies readonly EapMethod[];

/**
 * What is to be set of one Wi-Fi network; undefined leaves a profile as it is. All values are valid by themselves;
 * whether they suffice for a profile is seen when they meet the one that is there.
 */
export interface WifiSettings {
  /** 1 to 32 bytes. */
  readonly ssid?: Buffer;
  readonly security?: WifiSecurity;
  /** Pre-shared key or password, as the security asks for. */
  readonly key?: string;
  readonly hidden?: boolean;
  /** Higher is tried first. */
  readonly priority?: number;
  readonly eap?: EapSettings;
  readonly address?: AddressSettings;
}

export interface EapSettings {
  readonly method?: EapMethod;
  readonly identity?: string;
  readonly anonymousIdentity?: string;
  /** Inner authentication: `mschapv2`, `pap`, `gtc`, `md5`. */
  readonly phase2?: string;
  /** Certificate of the authority that signs the server's, DER. */
  readonly caCertificate?: Buffer;
}

export type AddressSettings =
  | { readonly kind: 'automatic' }
  | {
      readonly kind: 'static';
      readonly family: 'ipv4' | 'ipv6';
      /** With prefix length: `192.168.1.4/24`. */
      readonly address: string;
      readonly gateway: string | undefined;
      readonly dns: readonly string[];
    };
