import type { KnockFailure } from './knocker.js';
import { type FailedKnock, PROBE_LIMIT_MS } from './probe.js';

/** From the most telling to the least: a host that says something, even no, tells more than one that says nothing. */
const BY_WEIGHT: readonly KnockFailure[] = ['silent', 'garbage', 'reset', 'refused', 'no-route', 'timeout'];

const CHECK_THE_DEVICE =
  'Check that the device is on and in this network; `rdt scan` lists the ones that answer.';

const HINTS: Readonly<Record<KnockFailure, string>> = {
  silent: 'The host is there, but what listens hangs: restart the device, or wait until it has started.',
  garbage: 'Check the port: the engine of a development image listens on 2375, ssh on 22222.',
  reset: 'The device may be starting or restarting; try again when `rdt scan` shows it.',
  refused:
    'The host is there, but neither an engine nor ssh listens on these ports. Is it a resinOS or balenaOS device, and has it started?',
  'no-route': 'Check the network connection of this computer and the address of the device.',
  timeout: CHECK_THE_DEVICE,
};

export const hintFor = (failures: readonly FailedKnock[]): string => HINTS[mostTelling(failures)];

/** What the knocks at a host say, by address: `10.0.0.5 refused the connection (ports 2375, 22222)`. */
export function reasonOf(failures: readonly FailedKnock[]): string {
  const byAddress = new Map<string, FailedKnock[]>();
  for (const knock of failures)
    byAddress.set(knock.address, [...(byAddress.get(knock.address) ?? []), knock]);
  if (byAddress.size === 0) return 'no answer';
  return [...byAddress].map(([address, knocks]) => reasonAt(address, knocks)).join('; ');
}

function reasonAt(address: string, knocks: readonly FailedKnock[]): string {
  const failure = mostTelling(knocks);
  const ports = knocks.filter((knock) => knock.failure === failure).map((knock) => knock.port);
  const where = `${ports.length === 1 ? 'port' : 'ports'} ${[...new Set(ports)].sort((a, b) => a - b).join(', ')}`;
  switch (failure) {
    case 'silent':
      return `${address} accepts the connection but says nothing (${where})`;
    case 'garbage':
      return `${address} answers, but neither as an engine nor as an ssh server (${where})`;
    case 'reset':
      return `${address} cut the connection (${where})`;
    case 'refused':
      return `${address} refused the connection (${where})`;
    case 'no-route':
      return `no route to ${address}`;
    case 'timeout':
      return `no answer from ${address} within ${PROBE_LIMIT_MS / 1000} s (${where})`;
  }
}

const mostTelling = (knocks: readonly FailedKnock[]): KnockFailure =>
  BY_WEIGHT.find((failure) => knocks.some((knock) => knock.failure === failure)) ?? 'timeout';
