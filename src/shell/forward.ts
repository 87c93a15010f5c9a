import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { RdtError } from '../errors.js';
import { connectionCut } from '../transport/connection-error.js';
import type { Container } from '../transport/engine.js';
import type { SshSession } from '../transport/ssh-session.js';
import type { DeviceLink } from './device-link.js';
import { namedContainer } from './find-container.js';
import type { Forward } from './forward-spec.js';
import { asLost } from './lost.js';
import type { OpenPort, PortListener } from './port-listener.js';
import type { EmitShellEvent } from './shell-event.js';
import type { Place } from './shell-request.js';

const LOOPBACK = '127.0.0.1';

export interface ForwardDeps {
  readonly listener: PortListener;
  readonly emit: EmitShellEvent;
  readonly signal: AbortSignal;
}

/** The other end: a name for people, and the address to reach it at, as the device sees it. */
interface Destination {
  readonly name: string;
  address(): Promise<string>;
}

/**
 * Listens and forwards through ssh until the signal is aborted, which is the orderly end: 0.
 * Throws an `RdtError` (255) when the connection is lost.
 */
export async function runForwards(
  forwards: readonly Forward[],
  place: Place,
  link: DeviceLink,
  deps: ForwardDeps,
): Promise<number> {
  const destination = place.kind === 'container' ? await toContainer(place.ref, link, deps) : TO_DEVICE;
  const ssh = await link.ssh();
  const open: OpenPort[] = [];
  try {
    for (const forward of forwards) open.push(await listen(forward, destination, ssh, deps));
    await untilEnd(ssh, deps.signal);
    return 0;
  } finally {
    await Promise.all(open.map((port) => port[Symbol.asyncDispose]()));
  }
}

const TO_DEVICE: Destination = { name: 'the device', address: () => Promise.resolve(LOOPBACK) };

async function toContainer(
  ref: string,
  link: DeviceLink,
  { signal }: Pick<ForwardDeps, 'signal'>,
): Promise<Destination> {
  const engine = await link.engine();
  const { name } = await namedContainer(ref, { engine, signal });
  // Asked anew for each connection: a container that was replaced by a push has another address.
  const address = async (): Promise<string> => addressOf(await namedContainer(name, { engine, signal }));
  await address();
  return { name, address };
}

function addressOf({ name, network }: Container): string {
  const address = network.kind === 'host' ? LOOPBACK : network.addresses[0];
  if (address !== undefined) return address;
  throw new RdtError(`${name} has no address of its own that ports could be forwarded to.`, {
    hint: 'It has no network, or shares that of another container: name that one with --container.',
  });
}

async function listen(
  forward: Forward,
  destination: Destination,
  ssh: SshSession,
  deps: ForwardDeps,
): Promise<OpenPort> {
  const { listener, emit } = deps;
  const port = await listener.listen(
    forward.bind,
    forward.localPort,
    (connection) => void carry(connection, forward, destination, ssh, deps),
  );
  emit({
    type: 'forwarding',
    local: port.where,
    to: `port ${forward.remotePort} of ${destination.name}`,
  });
  return port;
}

/** One connection; its failure ends it and no other. */
async function carry(
  local: Duplex,
  forward: Forward,
  destination: Destination,
  ssh: SshSession,
  { emit, signal }: ForwardDeps,
): Promise<void> {
  // It may fail before anything is piped.
  local.on('error', () => undefined);
  let remote: Duplex;
  try {
    remote = await ssh.forwardOut(await destination.address(), forward.remotePort, signal);
  } catch (error) {
    local.destroy();
    if (!signal.aborted) emit({ type: 'forward-failed', forward, error });
    return;
  }
  // Either side may hang up at any time; the other one sees that, and nobody else has to know.
  await Promise.allSettled([pipeline(local, remote), pipeline(remote, local)]);
}

/** Resolves when the user has seen enough; rejects with an `RdtError` (255) when the connection is over before. */
async function untilEnd(ssh: SshSession, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([aborted, ssh.closed]);
  if (!signal.aborted) throw asLost(connectionCut(ssh.description), ssh.description);
}
