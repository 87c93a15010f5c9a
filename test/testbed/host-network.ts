import { existsSync } from 'node:fs';
import { type DeviceRecord, deviceNames, findRecord } from './device-record.js';
import { mustRun, runProgram } from './program.js';
import { TestbedError } from './testbed-error.js';

const DEFAULT_BRIDGE = 'lan';
/** 1 is the host itself; the rest of a /24 would do, but nobody has so many devices on two cores. */
const FIRST_INDEX = 2;
const LAST_INDEX = 250;

/** The names and addresses that follow from a device's number and its bridge's. */
export function networkOf(record: DeviceRecord) {
  const { index, bridgeNumber } = record;
  return {
    namespace: namespaceOf(record.options.name),
    namespaceFile: `/run/netns/${namespaceOf(record.options.name)}`,
    bridge: `rdtbr${bridgeNumber}`,
    /** The host's end of the device's cable. */
    cable: `rdt${index}`,
    address: `10.97.${bridgeNumber}.${index}`,
    hostAddress: `10.97.${bridgeNumber}.1`,
    ipv6: `fd97:0:0:${(bridgeNumber + 1).toString(16)}::${index.toString(16)}`,
    hostIpv6: `fd97:0:0:${(bridgeNumber + 1).toString(16)}::1`,
    /** Follows from the MAC address (EUI-64): 02:97:00:00:BB:II. */
    ipv6LinkLocal: `fe80::97:ff:fe00:${(bridgeNumber * 256 + index).toString(16)}%rdtbr${bridgeNumber}`,
    mac: `02:97:00:00:${byte(bridgeNumber)}:${byte(index)}`,
    link: `rdtlink${index}`,
    linkAddress: `10.98.${index}.2`,
    linkHostAddress: `10.98.${index}.1`,
  };
}

export function namespaceOf(name: string): string {
  return `rdt-${name}`;
}

/** The lowest free device number and the number of the named bridge. Call it under the lock. */
export function allocate(bridge: string | undefined): { index: number; bridgeNumber: number } {
  const records = deviceNames().flatMap((name) => findRecord(name) ?? []);
  const index = lowestFree(
    FIRST_INDEX,
    records.map((record) => record.index),
  );
  if (index > LAST_INDEX) throw new TestbedError(`All ${records.length} device numbers are in use.`);
  return { index, bridgeNumber: bridgeNumberFor(bridge ?? DEFAULT_BRIDGE, records) };
}

function bridgeNumberFor(bridge: string, records: readonly DeviceRecord[]): number {
  if (bridge === DEFAULT_BRIDGE) return 0;
  const sibling = records.find((record) => record.options.bridge === bridge);
  return (
    sibling?.bridgeNumber ??
    lowestFree(
      1,
      records.map((record) => record.bridgeNumber),
    )
  );
}

function lowestFree(from: number, taken: readonly number[]): number {
  let number = from;
  while (taken.includes(number)) number += 1;
  return number;
}

/** Makes the bridge when it is missing, the namespace, and the cable between them. Call it under the lock. */
export async function createNetwork(record: DeviceRecord): Promise<void> {
  const net = networkOf(record);
  await createBridge(record);
  await mustRun(['ip', 'netns', 'add', net.namespace]);
  // Without this every IPv6 address is "tentative", and mDNS is silent there, for the first two seconds.
  await mustRun([
    'nsenter',
    `--net=${net.namespaceFile}`,
    'sysctl',
    '-qw',
    'net.ipv6.conf.default.accept_dad=0',
  ]);
  await ipBatch(
    [],
    [
      `link add ${net.cable} type veth peer name eth0 address ${net.mac} netns ${net.namespace}`,
      // A port of the bridge is no interface to search on: it gets no address of its own.
      `link set ${net.cable} master ${net.bridge} addrgenmode none up`,
    ],
  );
  await ipBatch(
    ['-n', net.namespace],
    [
      'link set lo up',
      `address add ${net.address}/24 dev eth0`,
      `address add ${net.ipv6}/64 dev eth0 nodad`,
      'link set eth0 up',
      `route add default via ${net.hostAddress}`,
    ],
  );
}

async function createBridge(record: DeviceRecord): Promise<void> {
  const net = networkOf(record);
  if (interfaceExists(net.bridge)) return;
  await ipBatch([], [`link add ${net.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`]);
  await mustRun(['sysctl', '-qw', `net.ipv6.conf.${net.bridge}.accept_dad=0`]);
  await ipBatch(
    [],
    [
      `address add ${net.hostAddress}/24 dev ${net.bridge}`,
      `address add ${net.hostIpv6}/64 dev ${net.bridge} nodad`,
      `link set ${net.bridge} up`,
      // A bridge without a living port has no carrier: pulling one device's cable would take the host off the network too.
      `link add ${net.bridge}port type veth peer name ${net.bridge}end`,
      `link set ${net.bridge}end addrgenmode none up`,
      `link set ${net.bridge}port master ${net.bridge} addrgenmode none up`,
    ],
  );
}

/** Removes what `createNetwork` made, as far as it is there; the bridge goes with its last device. Call it under the lock. */
export async function removeNetwork(record: DeviceRecord): Promise<void> {
  const net = networkOf(record);
  if (interfaceExists(net.cable)) await mustRun(['ip', 'link', 'delete', net.cable]);
  await removeNamespace(record.options.name);
  const others = deviceNames().filter((name) => name !== record.options.name);
  const bridgeIsUsed = others.some((name) => findRecord(name)?.bridgeNumber === record.bridgeNumber);
  if (bridgeIsUsed) return;
  for (const name of [`${net.bridge}port`, net.bridge]) {
    if (interfaceExists(name)) await mustRun(['ip', 'link', 'delete', name]);
  }
}

export async function removeNamespace(name: string): Promise<void> {
  if (existsSync(`/run/netns/${namespaceOf(name)}`))
    await mustRun(['ip', 'netns', 'delete', namespaceOf(name)]);
}

/** Pulls or plugs the cable. The slow link is cut at the device's end, so that the host keeps its route to nowhere. */
export async function setCable(record: DeviceRecord, state: 'up' | 'down'): Promise<void> {
  const net = networkOf(record);
  await mustRun(['ip', 'link', 'set', net.cable, state]);
  if (interfaceExists(net.link)) await mustRun(['ip', '-n', net.namespace, 'link', 'set', 'link0', state]);
}

/** Every process inside the device's network namespace, as the host numbers them. */
export async function devicePids(name: string): Promise<number[]> {
  const result = await runProgram(['ip', 'netns', 'pids', namespaceOf(name)]);
  return result.stdout.split('\n').filter(Boolean).map(Number);
}

export async function ipBatch(args: readonly string[], lines: readonly string[]): Promise<void> {
  await mustRun(['ip', ...args, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

export function interfaceExists(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`);
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
