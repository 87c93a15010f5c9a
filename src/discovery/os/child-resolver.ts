import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { execPath } from 'node:process';
import type { HostResolver } from '../host-resolver.js';

/** Asks for all addresses in the order of the system, and prints them as JSON; nothing when there is none. */
const LOOKUP = `require('node:dns').lookup(process.argv[1], { all: true }, (error, found) => {
  if (!error) process.stdout.write(JSON.stringify(found.map(({ address }) => address)));
});`;

/**
 * Asks the system's resolver in a process of its own, because `getaddrinfo` cannot be cancelled: with a name server that does not answer (usual in
 * a network made of a laptop and a device) it holds its process for 6 s and more, even against `process.exit`. The child is killed instead.
 */
export class ChildResolver implements HostResolver {
  constructor(readonly env: Readonly<Record<string, string | undefined>>) {}

  resolve(name: string, signal: AbortSignal): Promise<readonly string[]> {
    // NODE_OPTIONS are meant for us: a debugger, a loader.
    const env = { ...this.env, NODE_OPTIONS: undefined };
    return new Promise((resolve) => {
      const options = { env, signal, killSignal: 'SIGKILL' as const, windowsHide: true };
      execFile(execPath, ['-e', LOOKUP, '--', name], options, (error, stdout) =>
        resolve(error === null ? parseAddresses(stdout) : []),
      );
    });
  }
}

function parseAddresses(output: string): string[] {
  if (output === '') return [];
  const addresses = JSON.parse(output) as unknown[];
  return addresses.filter((entry): entry is string => typeof entry === 'string' && isIP(entry) !== 0);
}
