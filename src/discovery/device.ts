/** Engine ports of resinOS/balenaOS development images, in the order to try (device-facts: 2377 was a documentation error that some hosts followed). */
export const ENGINE_PORTS = [2375, 2377] as const;
/** sshd of resinOS/balenaOS. */
export const DEVICE_SSH_PORT = 22222;

/** A host that announced itself over mDNS; nothing is known yet of what answers there. */
export interface Sighting {
  /** DNS-SD instance name as announced (device-facts: the hostname). Not unique. */
  readonly name: string;
  /** Target of the SRV record, e.g. `kitchen.local`. */
  readonly host: string;
  /** From the A and AAAA answers of the same responder; link-local IPv6 carries its zone (`fe80::1%eth0`). Best first, never empty. */
  readonly addresses: readonly string[];
  readonly sshPort: number;
  /** Announced the subtype `_resin-device` (or `_balena-device`). */
  readonly resinDevice: boolean;
}

/** The engine's TCP endpoint, found by an answered `GET /_ping`. */
export interface TcpEngine {
  readonly host: string;
  readonly port: number;
  /** The `Api-Version` header of the answer, e.g. `1.41`; engines before 17.06 send none. */
  readonly apiVersion: string | undefined;
}

/** A host that was probed. `kind` is `development` when its engine answers on TCP, else `production`. */
export interface Device {
  /** As announced, or as the user typed it. */
  readonly name: string;
  /** The address that answered; what every connection of this run uses. */
  readonly address: string;
  readonly addresses: readonly string[];
  readonly kind: 'development' | 'production';
  /** Undefined when the engine has to be reached through ssh. */
  readonly engine: TcpEngine | undefined;
  /** Where to try ssh; undefined when nothing there speaks ssh. */
  readonly sshPort: number | undefined;
}
