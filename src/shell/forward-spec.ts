import { isIPv6 } from 'node:net';

/** A port of this computer that leads to one of the device or of a container. */
export interface Forward {
  /** Address or name of this computer to listen on. */
  readonly bind: string;
  /** 0 for any free one. */
  readonly localPort: number;
  readonly remotePort: number;
}

export type ParsedForward =
  | { readonly ok: true; readonly value: Forward }
  | { readonly ok: false; readonly reason: string };

const LOOPBACK = '127.0.0.1';
const SPEC = /^(?:(?<bind>\[[^\]]+\]|[^:]+):)?(?<local>\d{1,5}):(?<remote>\d{1,5})$/;

/** `[bind:]local:remote`; an IPv6 address to bind to is in brackets. */
export function parseForward(text: string): ParsedForward {
  const { bind, local, remote } = SPEC.exec(text)?.groups ?? {};
  if (local === undefined || remote === undefined)
    return refused('is not [bind:]local:remote, as in 8080:80 or 0.0.0.0:8080:80');
  const localPort = Number(local);
  const remotePort = Number(remote);
  if (localPort > 65_535 || remotePort > 65_535 || remotePort === 0)
    return refused('has a port that is not a number from 1 to 65535');
  const address = bind?.replace(/^\[(.*)\]$/, '$1') ?? LOOPBACK;
  if (bind?.startsWith('[') === true && !isIPv6(address))
    return refused('has no IPv6 address in its brackets');
  return { ok: true, value: { bind: address, localPort, remotePort } };
}

const refused = (reason: string): ParsedForward => ({ ok: false, reason });
