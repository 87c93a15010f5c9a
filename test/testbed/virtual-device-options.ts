import type { BaseImage } from './base-images.js';

/** The shape of a slow link, the same both ways. */
export interface LinkProfile {
  readonly roundTripMs: number;
  readonly megabitPerSecond: number;
  /** Packets lost at random, each way. Default 0. */
  readonly lossPercent?: number;
}

/** The profiles that the project's measurements use (SYNC.md). */
export const LINK_PROFILES = {
  lan: { roundTripMs: 2, megabitPerSecond: 100 },
  wifi: { roundTripMs: 20, megabitPerSecond: 20 },
} as const satisfies Record<string, LinkProfile>;

export const DEFAULT_ENGINE_PORT = 2375;
export const DEFAULT_ENGINE_SOCKET = '/var/run/docker.sock';

export interface VirtualDeviceOptions {
  /** Unique on this host, `[a-z0-9-]`, at most 24 characters: the label of everything that belongs to the device. */
  readonly name: string;
  /** What avahi announces; default: the name. Devices on different bridges may share one. */
  readonly hostname?: string;
  /** SSH by key only, and the engine on its unix socket only. */
  readonly production?: boolean;
  /** Public keys, one OpenSSH line each. A development device that has some takes only these, like the real one. */
  readonly authorizedKeys?: readonly string[];
  /** The engine's TCP port; default 2375. */
  readonly enginePort?: number;
  /**
   * Default `/var/run/docker.sock`; later systems have `/var/run/balena-engine.sock` or `/var/run/balena.sock`. The
   * engine's client on the device has the same name: `docker`, `balena-engine` or `balena`.
   */
  readonly engineSocket?: string;
  /** Default true: announces `_resin-device._sub._ssh._tcp`. False: only `_ssh._tcp`. */
  readonly subtype?: boolean;
  /** Default true; false: no mDNS at all. */
  readonly announce?: boolean;
  /** A network of its own, 10.97.N.0/24, shared by the devices that name the same one; default `lan`, which is 10.97.0.0/24. */
  readonly bridge?: string;
  /** A second way to the device, at `linkAddress`, with this shape. */
  readonly link?: LinkProfile;
  /** The size of the disk that the engine keeps its data on; default: the host's own disk. */
  readonly diskMegabytes?: number;
  /** What the engine has before the first push; there is no registry. */
  readonly images?: readonly BaseImage[];
  /** True: the device goes on when this process ends, until somebody takes it down. Default false: swept by the next `up`. */
  readonly outlivesProcess?: boolean;
}
