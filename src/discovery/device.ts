/** Engine ports of resinOS/balenaOS development images, in the order to try (device-facts: 2377 was a documentation error that some hosts followed). */
export const ENGINE_PORTS = [2375, 2377] as const;
/** sshd of resinOS/balenaOS. */
export const DEVICE_SSH_PORT = 22222;
/** sshd of everything else, tried too where a user typed an address: a plain Docker host is a device as well. */
export const HOST_SSH_PORT = 22;

/** A host that gave an answer over mDNS (or in the system's resolver); nothing is known yet of what answers there. */
export interface Sighting {
  /** DNS-SD instance name as announced (device-facts: the hostname), or the host name that was asked for. Not unique. Control characters are escaped. */
  readonly name: string;
  /** Target of the SRV record, e.g. `kitchen.local`. Control characters are escaped. */
  readonly host: string;
  /** From the A and AAAA answers of the same responder; link-local IPv6 carries its zone (`fe80::1%eth0`). Best first, never empty. */
  readonly addresses: readonly string[];
  /** Of the SRV record; undefined for a host that only answered to its name. */
  readonly sshPort: number | undefined;
  /** Announced the subtype `_resin-device` (or `_balena-device`). */
  readonly resinDevice: boolean;
}

/** The engine's TCP endpoint, found by an answered `GET /_ping`. */
export interface TcpEngine {
  /** An address, link-local IPv6 with its zone. Such a host may not go into an HTTP `Host` header: the engine answers 400 to a zone. */
  readonly host: string;
  readonly port: number;
  /** The `Api-Version` header of the answer, e.g. `1.41`; engines before 17.06 send none. */
  readonly apiVersion: string | undefined;
}

/** A host that was probed. `kind` is `development` when an engine listens on TCP (even one that hangs), else `production`. */
export interface Device {
  /** As announced, or as the user typed it. */
  readonly name: string;
  /** The address that answered; what every connection of this run uses. */
  readonly address: string;
  readonly addresses: readonly string[];
  readonly kind: 'development' | 'production';
  /** Undefined when the engine has to be reached through ssh. */
  readonly engine: TcpEngine | undefined;
  /**
   * Where to try ssh; undefined when nothing there speaks ssh. With an `engine` it is the announced or usual port and was
   * not waited for; without one, a banner was read there.
   */
  readonly sshPort: number | undefined;
  /** Only when the user typed one (`ssh://pi@10.0.0.5`); root otherwise. */
  readonly sshUser?: string;
  /** Why there is no `engine` although a port of it is open, e.g. `port 2375 accepts connections but says nothing`. */
  readonly engineTrouble?: string;
}
