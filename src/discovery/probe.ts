import type { Clock } from '../runtime.js';
import type { Device, TcpEngine } from './device.js';
import { firstToSucceed, firstValue } from './first-to-succeed.js';
import type { Knocker, KnockFailure } from './knocker.js';
import { withTimeLimit } from './time-limit.js';

/** How long one host may take to answer anything. */
export const PROBE_LIMIT_MS = 2000;
/** Between the starts of two addresses of one host: the value of RFC 8305. */
const ADDRESS_STAGGER_MS = 250;

/** What to knock at. */
export interface ProbePlan {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly enginePorts: readonly number[];
  readonly sshPorts: readonly number[];
  /** What `Device.sshPort` says when an engine answered before any ssh server did. */
  readonly likelySshPort: number;
  readonly sshUser?: string;
}

export interface FailedKnock {
  readonly address: string;
  readonly port: number;
  readonly service: 'engine' | 'ssh';
  readonly failure: KnockFailure;
}

export type ProbeResult =
  | { readonly type: 'answered'; readonly device: Device }
  | { readonly type: 'silent'; readonly failures: readonly FailedKnock[] };

export interface ProbeDeps {
  readonly knocker: Knocker;
  readonly clock: Clock;
}

/**
 * Knocks at every port of a host at once, address after address (happy eyeballs), for at most 2 s. The first engine wins without waiting for ssh;
 * a host with ssh alone wins when its engine ports have said no. Never rejects for what the host does; an aborted signal ends it as `silent`.
 */
export function probe(plan: ProbePlan, deps: ProbeDeps, signal: AbortSignal): Promise<ProbeResult> {
  const failures: FailedKnock[] = [];
  return withTimeLimit(deps.clock, PROBE_LIMIT_MS, signal, async (limited) => {
    const device = await firstToSucceed(
      plan.addresses,
      (address, scope) => probeAddress(plan, address, deps.knocker, failures, scope),
      { clock: deps.clock, staggerMs: ADDRESS_STAGGER_MS },
      limited,
    );
    return device === undefined ? { type: 'silent', failures } : { type: 'answered', device };
  });
}

/** All ports of one address at once. */
async function probeAddress(
  plan: ProbePlan,
  address: string,
  knocker: Knocker,
  failures: FailedKnock[],
  signal: AbortSignal,
): Promise<Device | undefined> {
  let bannerPort: number | undefined;
  const note = (service: FailedKnock['service'], port: number, failure: KnockFailure): void => {
    failures.push({ address, port, service, failure });
  };
  const ssh = plan.sshPorts.map(async (port) => {
    const knock = await knocker.ssh(address, port, signal);
    if (knock.type === 'failed') {
      note('ssh', port, knock.failure);
      return undefined;
    }
    bannerPort ??= port;
    return port;
  });
  const engines = plan.enginePorts.map(async (port): Promise<TcpEngine | undefined> => {
    const knock = await knocker.engine(address, port, signal);
    if (knock.type === 'engine') return { host: address, port, apiVersion: knock.apiVersion };
    note('engine', port, knock.failure);
    return undefined;
  });
  const base = { name: plan.name, address, addresses: plan.addresses, ...userOf(plan) };
  const engine = await firstValue(engines);
  if (engine !== undefined) {
    return { ...base, kind: 'development', engine, sshPort: bannerPort ?? plan.likelySshPort };
  }
  const sshPort = await firstInOrder(ssh);
  if (sshPort === undefined) return undefined;
  return { ...base, engine: undefined, sshPort, ...withoutEngine(address, sshPort, failures) };
}

const userOf = (plan: ProbePlan): Pick<Device, 'sshUser'> =>
  plan.sshUser === undefined ? {} : { sshUser: plan.sshUser };

/** What to say of a host whose engine is not there: only a development image opens the port. */
function withoutEngine(
  address: string,
  sshPort: number,
  failures: readonly FailedKnock[],
): Pick<Device, 'kind' | 'engineTrouble'> {
  const knocks = failures.filter(
    (knock) => knock.service === 'engine' && knock.address === address && knock.port !== sshPort,
  );
  const hanging = knocks.find((knock) => knock.failure === 'silent');
  if (hanging !== undefined) {
    const engineTrouble = `port ${hanging.port} accepts connections but says nothing`;
    return { kind: 'development', engineTrouble };
  }
  const strange = knocks.find((knock) => knock.failure === 'garbage' || knock.failure === 'reset');
  if (strange === undefined) return { kind: 'production' };
  return { kind: 'production', engineTrouble: `port ${strange.port} is open but not an engine` };
}

/** The value of the earliest promise that has one: the order is a preference (22222 before 22). */
async function firstInOrder<T>(promises: readonly Promise<T | undefined>[]): Promise<T | undefined> {
  for (const promise of promises) {
    const value = await promise;
    if (value !== undefined) return value;
  }
  return undefined;
}
