import type { KnockFailure } from './knocker.js';
import { type FailedKnock, PROBE_LIMIT_MS } from './probe.js';

/** From the most telling to the least: a host that says something, even no, tells more than one that says nothing. */
const BY_WEIGHT: readonly KnockFailure[] = ['silent', 'garbage', 'reset', 'refused', 'no-route', 'timeout'];

const CHECK_THE_DEVICE =
  'Check that the device is on and in this network; `rdt scan` lists the ones that answer.';

interface Explanation {
  readonly reason: string;
  readonly hint: string;
}

const EXPLANATIONS: Readonly<Record<KnockFailure, Explanation>> = {
  silent: {
    reason: 'connections are accepted, but nothing is said',
    hint: 'The host is there, but what listens hangs: restart the device, or wait until it has started.',
  },
  garbage: {
    reason: 'what answers there is neither a container engine nor ssh',
    hint: 'Check the port: the engine of a development image listens on 2375, ssh on 22222.',
  },
  reset: {
    reason: 'the connection was cut',
    hint: 'The device may be starting or restarting; try again when `rdt scan` shows it.',
  },
  refused: {
    reason: 'connection refused',
    hint: 'The host is there, but nothing listens on that. Is it a resinOS or balenaOS device, and has it started?',
  },
  'no-route': {
    reason: 'no route to the host',
    hint: 'Check the network connection of this computer and the address of the device.',
  },
  timeout: { reason: `no answer within ${PROBE_LIMIT_MS / 1000} s`, hint: CHECK_THE_DEVICE },
};

export const hintFor = (failures: readonly FailedKnock[]): string => EXPLANATIONS[mostTelling(failures)].hint;

/** What the knocks at a host say: `connection refused (ports 2375, 22222)`; of several addresses, each for itself. */
export function reasonOf(failures: readonly FailedKnock[]): string {
  const byAddress = new Map<string, FailedKnock[]>();
  for (const knock of failures)
    byAddress.set(knock.address, [...(byAddress.get(knock.address) ?? []), knock]);
  const reasons = [...byAddress].map(([address, knocks]) => ({ address, reason: reasonAt(knocks) }));
  const [only] = reasons;
  if (only === undefined) return EXPLANATIONS.timeout.reason;
  if (reasons.length === 1) return only.reason;
  return reasons.map(({ address, reason }) => `${address}: ${reason}`).join('; ');
}

function reasonAt(knocks: readonly FailedKnock[]): string {
  const failure = mostTelling(knocks);
  const telling = knocks.filter((knock) => knock.failure === failure);
  const ports = [...new Set(telling.map(({ port }) => port))].sort((a, b) => a - b);
  return `${EXPLANATIONS[failure].reason} (${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')})`;
}

const mostTelling = (knocks: readonly FailedKnock[]): KnockFailure =>
  BY_WEIGHT.find((failure) => knocks.some((knock) => knock.failure === failure)) ?? 'timeout';
