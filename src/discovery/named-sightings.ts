import type { Sighting } from './device.js';
import { EventStream } from './event-stream.js';
import type { HostResolver } from './host-resolver.js';

/**
 * Hosts of one name, from mDNS and from the system's resolver at the same time: either may be the only one that knows it.
 * Ends when both have ended.
 */
export function namedSightings(
  name: string,
  announced: AsyncIterable<Sighting>,
  resolver: HostResolver,
  signal: AbortSignal,
): AsyncIterable<Sighting> {
  const stream = new EventStream<Sighting>();
  const sources = [passMatching(name, announced, stream), passResolved(name, resolver, stream, signal)];
  Promise.all(sources).then(
    () => stream.end(),
    (error: unknown) => stream.fail(error),
  );
  return stream;
}

async function passMatching(
  name: string,
  announced: AsyncIterable<Sighting>,
  stream: EventStream<Sighting>,
): Promise<void> {
  for await (const sighting of announced) if (isNamed(sighting, name)) stream.push(sighting);
}

async function passResolved(
  name: string,
  resolver: HostResolver,
  stream: EventStream<Sighting>,
  signal: AbortSignal,
): Promise<void> {
  const addresses = await resolver.resolve(name, signal);
  if (addresses.length === 0) return;
  stream.push({ name, host: name, addresses, sshPort: undefined, resinDevice: false });
}

/** By instance name, by host name, or by the host name's first label. */
function isNamed(sighting: Sighting, name: string): boolean {
  const wanted = name.toLowerCase();
  const host = sighting.host.toLowerCase();
  return sighting.name.toLowerCase() === wanted || host === wanted || host === `${wanted}.local`;
}
