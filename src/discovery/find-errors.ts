import { ExitCode, RdtError } from '../errors.js';
import type { Device } from './device.js';
import type { SilentHost } from './findings.js';
import { hintFor, reasonOf } from './knock-reason.js';
import type { InterfaceReport } from './mdns-browser.js';
import type { FailedKnock } from './probe.js';

/** Nobody announced itself. */
export function noDeviceFound(
  interfaces: readonly InterfaceReport[],
  seconds: number,
  exitCode: ExitCode = ExitCode.noDevice,
): RdtError {
  const asked = interfaces.filter((entry) => entry.failure === undefined);
  const failed = interfaces.filter((entry) => entry.failure !== undefined);
  const lines = [
    'Check that the device is on and in the same network (guest and company networks often block mDNS).',
    'push, ssh and logs take its address, if you know it: rdt ssh 10.0.0.5, for example. `rdt scan --all` lists every host with ssh.',
  ];
  if (failed.length > 0) lines.unshift(`Could not ask on ${describeFailures(failed)}.`);
  const message =
    asked.length === 0
      ? 'Found no device: no network interface could be asked.'
      : `Found no device: nobody answered within ${seconds} s on ${describeInterfaces(asked)}.`;
  return new RdtError(message, { exitCode, hint: lines.join('\n') });
}

/** Exit 3: more than one, and nobody to ask. */
export function severalDevices(devices: readonly Device[], name: string | undefined): RdtError {
  const what = name === undefined ? 'devices' : `devices named ${name}`;
  const rows = devices.map((device) => `  ${device.name}  ${device.address}  ${device.kind}`);
  return new RdtError(`Found ${devices.length} ${what}; rdt needs to know which one.`, {
    exitCode: ExitCode.noDevice,
    hint: ['Name one of them by its address:', ...rows].join('\n'),
  });
}

/** Exit 4: hosts were found, none of them answered. */
export function silentHosts(hosts: readonly SilentHost[], name: string | undefined): RdtError {
  const [only] = hosts;
  if (only !== undefined && hosts.length === 1) {
    return cannotReach(name ?? only.sighting.name, only.failures);
  }
  const rows = hosts.map(
    ({ sighting, failures }) => `  ${sighting.name}  ${sighting.addresses[0] ?? ''}  ${reasonOf(failures)}`,
  );
  return new RdtError(`Found ${hosts.length} devices, but none of them can be reached.`, {
    exitCode: ExitCode.unreachable,
    hint: rows.join('\n'),
  });
}

/** Exit 4: the host gave no usable answer. */
export const cannotReach = (name: string, failures: readonly FailedKnock[]): RdtError =>
  new RdtError(`Cannot reach ${name}: ${reasonOf(failures)}.`, {
    exitCode: ExitCode.unreachable,
    hint: hintFor(failures),
  });

/** Exit 4: neither mDNS nor the system's resolver knows the name. */
export function nameNotFound(
  name: string,
  interfaces: readonly InterfaceReport[],
  seconds: number,
): RdtError {
  const asked = interfaces.filter((entry) => entry.failure === undefined);
  const where = asked.length === 0 ? 'on no network interface' : `on ${describeInterfaces(asked)}`;
  return new RdtError(
    `Cannot reach ${name}: the name is unknown to this system, and no host in the network answered to it within ${seconds} s.`,
    {
      exitCode: ExitCode.unreachable,
      hint: `Asked over mDNS ${where}. \`rdt scan\` lists the devices that answer; an address works too.`,
    },
  );
}

/** `eth0 (192.168.1.20, fe80::1), wlan0 (10.0.0.7)` */
function describeInterfaces(interfaces: readonly InterfaceReport[]): string {
  const addresses = new Map<string, string[]>();
  for (const { name, address } of interfaces) addresses.set(name, [...(addresses.get(name) ?? []), address]);
  return [...addresses].map(([name, own]) => `${name} (${own.join(', ')})`).join(', ');
}

const describeFailures = (interfaces: readonly InterfaceReport[]): string =>
  interfaces.map(({ name, address, failure }) => `${name} (${address}: ${failure ?? ''})`).join(', ');
