import { ExitCode, RdtError } from '../errors.js';
import type { KeyPath } from './json-edit.js';
import type { EapMethod, WifiSecurity } from './network-settings.js';
import type { StaticAddress } from './setting-values.js';

/**
 * Settings as somebody gave them, on the command line or in a file: each valid by itself, files not read yet (paths are absolute).
 * A key that is missing was not given.
 */
export interface GivenSettings {
  readonly hostname?: string;
  readonly persistentLogging?: boolean;
  readonly developerMode?: boolean;
  readonly country?: string;
  readonly ntp?: readonly string[];
  readonly dns?: readonly string[];
  readonly sshKeys?: readonly GivenText[];
  readonly wifi?: GivenNetwork;
  readonly networks?: readonly GivenNetwork[];
  readonly address?: GivenAddress;
  readonly ethernet?: GivenAddress;
  /** Paths of NetworkManager profiles. */
  readonly connections?: readonly string[];
  readonly set?: readonly GivenValue[];
  readonly unset?: readonly KeyPath[];
}

export type GivenText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string };

export type GivenKey = GivenText | { readonly kind: 'stdin' };

export interface GivenValue {
  readonly path: KeyPath;
  readonly json: string;
}

export interface GivenAddress {
  readonly staticIp?: StaticAddress | 'auto';
  readonly gateway?: string;
  readonly dns?: readonly string[];
}

export interface GivenNetwork extends GivenAddress {
  readonly ssid?: Buffer;
  readonly key?: GivenKey;
  readonly hidden?: boolean;
  readonly security?: WifiSecurity;
  readonly identity?: string;
  readonly anonymousIdentity?: string;
  readonly eapMethod?: EapMethod;
  readonly phase2?: string;
  readonly caFile?: string;
  readonly priority?: number;
}

/** The keys of config.json that settings with names of their own stand for. */
const CONFIG_PATHS: Readonly<Partial<Record<keyof GivenSettings, KeyPath>>> = {
  hostname: ['hostname'],
  persistentLogging: ['persistentLogging'],
  developerMode: ['developmentMode'],
  country: ['country'],
  ntp: ['ntpServers'],
  dns: ['dnsServers'],
  sshKeys: ['os', 'sshKeys'],
};

/** The free keys of `under` that `over` says nothing of, by whatever name. */
function freeKeysOf(under: GivenSettings, over: GivenSettings): Pick<GivenSettings, 'set' | 'unset'> {
  const named = Object.entries(CONFIG_PATHS).flatMap(([key, path]) => (key in over ? [path] : []));
  const said = [...named, ...(over.set ?? []).map(({ path }) => path), ...(over.unset ?? [])];
  const isLeft = (path: KeyPath): boolean =>
    !said.some((other) => JSON.stringify(other) === JSON.stringify(path));
  const unset = over.unset ?? under.unset?.filter(isLeft);
  return {
    ...((under.set ?? over.set) && {
      set: [...(under.set ?? []).filter(({ path }) => isLeft(path)), ...(over.set ?? [])],
    }),
    ...(unset && { unset }),
  };
}

/** `over` wins key by key; a list replaces a list. Throws an `RdtError` (usage) when the two speak of networks in ways that exclude each other. */
export function mergeGiven(under: GivenSettings, over: GivenSettings): GivenSettings {
  if ((under.networks !== undefined && over.wifi !== undefined) || (under.wifi && over.networks)) {
    throw new RdtError('--wifi-* options cannot be combined with a list of networks', {
      hint: 'Change the network in the list, or leave the list out.',
      exitCode: ExitCode.usage,
    });
  }
  return {
    ...under,
    ...over,
    ...((under.wifi ?? over.wifi) && { wifi: { ...under.wifi, ...over.wifi } }),
    ...((under.address ?? over.address) && { address: { ...under.address, ...over.address } }),
    ...freeKeysOf(under, over),
  };
}

/** Keys of one network, or of its addresses, may stand apart from each other. */
export function joinGiven(given: GivenSettings, part: GivenSettings): GivenSettings {
  const join = <T extends GivenAddress>(a: T | undefined, b: T | undefined): T | undefined =>
    a === undefined ? b : { ...a, ...b };
  const wifi = join(given.wifi, part.wifi);
  const address = join(given.address, part.address);
  return { ...given, ...part, ...(wifi && { wifi }), ...(address && { address }) };
}
