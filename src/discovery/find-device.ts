import type { RdtError } from '../errors.js';
import type { Device, Sighting } from './device.js';
import type { DeviceChooser } from './device-chooser.js';
import type { DiscoveryEvent } from './discovery-event.js';
import { cannotReach, nameNotFound, noDeviceFound, severalDevices, silentHosts } from './find-errors.js';
import { Findings } from './findings.js';
import type { HostResolver } from './host-resolver.js';
import type { Browsing, MdnsBrowser } from './mdns-browser.js';
import { namedSightings } from './named-sightings.js';
import { probe } from './probe.js';
import { planProbe } from './probe-plan.js';
import { type SearchDeps, search } from './search.js';
import { parseTarget, type TargetPorts } from './target.js';
import { aborted, slept, withTimeLimit } from './time-limit.js';
import { ANY_DEVICE, DNS_NAME, NAMED_DEVICE, type WaitingRule, waitMore } from './waiting-rule.js';

const LONG_MS = 1000;

export interface FindDeviceDeps extends SearchDeps {
  readonly browser: MdnsBrowser;
  readonly resolver: HostResolver;
  /** Undefined when nobody can be asked (no terminal). */
  readonly chooser: DeviceChooser | undefined;
  readonly emit: (event: DiscoveryEvent) => void;
}

/**
 * Exactly one device: the one that `target` says, or the only one in the network, or the one chosen from several.
 * Throws an `RdtError`: exit 2 for a target that cannot be one, 3 when there is none or several and nobody to choose, 4 (in less than 3 s) when
 * the named one cannot be reached, 130 when the person declined. Rejects with the signal's reason when it is aborted.
 */
export async function findDevice(
  target: string | undefined,
  deps: FindDeviceDeps,
  signal: AbortSignal,
): Promise<Device> {
  if (target === undefined) return findBySearch(anyDevice(deps), deps, signal);
  const wanted = parseTarget(target);
  return wanted.type === 'address'
    ? findByAddress(wanted.address, wanted.ports, deps, signal)
    : findBySearch(deviceNamed(wanted.name, wanted.ports, deps), deps, signal);
}

async function findByAddress(
  address: string,
  ports: TargetPorts,
  deps: SearchDeps,
  signal: AbortSignal,
): Promise<Device> {
  const result = await probe(planProbe({ name: address, addresses: [address] }, ports), deps, signal);
  signal.throwIfAborted();
  if (result.type === 'silent') throw cannotReach(address, result.failures);
  return result.device;
}

/** What to look for, and for how long. */
interface Quest {
  /** As the user typed it; undefined for any device. */
  readonly name: string | undefined;
  readonly ports: TargetPorts;
  readonly rule: WaitingRule;
  look(signal: AbortSignal): { readonly browsing: Browsing; readonly sightings: AsyncIterable<Sighting> };
}

function anyDevice({ browser }: FindDeviceDeps): Quest {
  const look = (signal: AbortSignal) => {
    const browsing = browser.browse({ services: 'devices' }, signal);
    return { browsing, sightings: browsing };
  };
  return { name: undefined, ports: { type: 'usual' }, rule: ANY_DEVICE, look };
}

function deviceNamed(name: string, ports: TargetPorts, { browser, resolver }: FindDeviceDeps): Quest {
  const host = mdnsHostOf(name);
  const look = (signal: AbortSignal) => {
    const browsing = browser.browse({ services: 'all', ...(host === undefined ? {} : { host }) }, signal);
    return { browsing, sightings: namedSightings(name, browsing, resolver, signal) };
  };
  return { name, ports, rule: host === undefined ? DNS_NAME : NAMED_DEVICE, look };
}

/** The `.local` name to ask for, undefined for what can only be a name of the DNS or of this machine. */
function mdnsHostOf(name: string): string | undefined {
  if (/\.local$/i.test(name)) return name;
  return name.includes('.') || name.toLowerCase() === 'localhost' ? undefined : `${name}.local`;
}

async function findBySearch(quest: Quest, deps: FindDeviceDeps, signal: AbortSignal): Promise<Device> {
  const scope = new AbortController();
  const looking = AbortSignal.any([signal, scope.signal]);
  const { browsing, sightings } = quest.look(looking);
  const planFor = (sighting: Sighting) =>
    planProbe({ ...sighting, name: quest.name ?? sighting.name }, quest.ports);
  const findings = new Findings();
  const following = findings.follow(search(sightings, planFor, deps, looking));
  const startedMs = deps.clock.monotonicMs();
  const stop = async () => {
    scope.abort();
    await following; // ends what is still being probed
  };
  try {
    void tellIfItTakesLong(quest.rule, findings, deps, looking);
    await untilDecided(quest.rule, findings, browsing, deps, signal);
    if (findings.devices.length > 0) return await pick(quest, findings, deps, signal);
    const seconds = Math.round((deps.clock.monotonicMs() - startedMs) / 100) / 10;
    await stop();
    throw explainNothing(quest, findings, browsing, seconds);
  } finally {
    await stop();
  }
}

/** A second of silence looks as if nothing happened. */
async function tellIfItTakesLong(
  rule: WaitingRule,
  findings: Findings,
  { clock, emit }: FindDeviceDeps,
  signal: AbortSignal,
): Promise<void> {
  const isStillLooking = await slept(clock, LONG_MS, signal);
  if (isStillLooking && findings.devices.length === 0) emit({ type: 'searching', limitMs: rule.firstHostMs });
}

async function untilDecided(
  rule: WaitingRule,
  findings: Findings,
  browsing: Browsing,
  { clock, chooser }: FindDeviceDeps,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    signal.throwIfAborted();
    findings.throwIfFailed();
    const isDeaf = browsing.interfaces().every((entry) => entry.failure !== undefined);
    const waitMs = waitMore(rule, { ...findings.count(), isDeaf }, clock.monotonicMs() - startedMs);
    if (waitMs === 0 || findings.ended) return;
    if (chooser !== undefined && findings.devices.length > 1) return;
    await withTimeLimit(clock, waitMs, signal, (limited) =>
      Promise.race([findings.changed(), aborted(limited)]),
    );
  }
}

async function pick(
  quest: Quest,
  findings: Findings,
  { chooser, emit }: FindDeviceDeps,
  signal: AbortSignal,
): Promise<Device> {
  const [only, another] = findings.devices;
  if (only !== undefined && another === undefined) {
    if (quest.name === undefined) emit({ type: 'device-selected', device: only, reason: 'only' });
    return only;
  }
  if (chooser === undefined) throw severalDevices(findings.devices, quest.name);
  const device = await chooser.choose(findings.stream(), signal);
  emit({ type: 'device-selected', device, reason: 'chosen' });
  return device;
}

function explainNothing(quest: Quest, findings: Findings, browsing: Browsing, seconds: number): RdtError {
  if (findings.silent.length > 0) return silentHosts(findings.silent, quest.name);
  const interfaces = browsing.interfaces();
  return quest.name === undefined
    ? noDeviceFound(interfaces, seconds)
    : nameNotFound(quest.name, interfaces, seconds);
}
