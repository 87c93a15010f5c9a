import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A profile as NetworkManager understood it. */
export interface ReadProfile {
  readonly error?: string;
  readonly id: string;
  readonly type: string;
  readonly priority: number;
  /** Bytes in hex, like all that may be awkward. */
  readonly ssid: string | null;
  readonly hidden: boolean;
  readonly keyManagement: string | null;
  readonly psk: string | null;
  readonly eap: {
    readonly method: string;
    readonly identity: string;
    readonly password: string;
    readonly phase2: string;
    readonly ca: string | null;
  } | null;
  readonly ipv4: ReadAddresses;
  readonly ipv6: ReadAddresses;
  readonly warnings: readonly string[];
}

export interface ReadAddresses {
  readonly method: string;
  readonly addresses: readonly string[];
  readonly gateway: string | null;
  readonly dns: readonly string[];
}

const SCRIPT = fileURLToPath(new URL('read-keyfiles.py', import.meta.url));

/**
 * Reads keyfiles with libnm itself: a judge that knows nothing of our own code.
 * Debian's python sees `python3-gi`; another one that comes first in PATH does not.
 */
export function readWithNetworkManager(keyfiles: readonly string[]): ReadProfile[] {
  const answer = execFileSync('/usr/bin/python3', [SCRIPT], { input: JSON.stringify(keyfiles) });
  return JSON.parse(answer.toString()) as ReadProfile[];
}
