import type { Writable } from 'node:stream';
import { fingerprint, type KnownHost } from '../transport/known-hosts.js';

/** One line a key: `SHA256:... ssh-ed25519 kitchen:22222 10.0.0.5:22222`; or a JSON array of `{ hosts, type, fingerprint }`. */
export function renderKnownHosts(known: readonly KnownHost[], output: Writable, asJson: boolean): void {
  const rows = known.map(({ key, patterns }) => ({
    hosts: patterns.map(readable),
    type: key.type,
    fingerprint: fingerprint(key),
  }));
  if (asJson) {
    output.write(`${JSON.stringify(rows, undefined, 2)}\n`);
    return;
  }
  const typeWidth = Math.max(...rows.map(({ type }) => type.length));
  for (const { hosts, type, fingerprint: print } of rows) {
    output.write(`${print}  ${type.padEnd(typeWidth)}  ${hosts.join(' ')}\n`);
  }
}

/** `[kitchen]:22222` is how OpenSSH's file writes it; only an IPv6 address needs the brackets. */
const readable = (pattern: string): string => pattern.replace(/^\[([^:]*)\]:/, '$1:');
