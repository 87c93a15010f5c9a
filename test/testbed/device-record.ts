import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestbedError } from './testbed-error.js';
import type { VirtualDeviceOptions } from './virtual-device-options.js';

/** Everything of the test bed on this host lies here: one folder a device, and the lock. */
export const TESTBED_FOLDER = '/tmp/rdt-testbed';

/** A process of this host that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, in the kernel's ticks (/proc/PID/stat). */
  readonly startTicks: string;
}

/** What a later process has to know to find and to remove a device. Written before anything else of the device exists. */
export interface DeviceRecord {
  readonly options: VirtualDeviceOptions;
  /** Who has to take the device down; null: whoever comes. */
  readonly owner: ProcessIdentity | null;
  /** The device's number on this host: last byte of its addresses, and part of the names of its interfaces. */
  readonly index: number;
  readonly bridgeNumber: number;
  /** The device's PID 1, as the host sees it; missing until it has booted. */
  readonly init?: ProcessIdentity;
}

export function deviceFolder(name: string): string {
  return join(TESTBED_FOLDER, name);
}

export function deviceFile(name: string, ...path: string[]): string {
  return join(deviceFolder(name), ...path);
}

/** @throws TestbedError when there is no such device. */
export function readRecord(name: string): DeviceRecord {
  const record = findRecord(name);
  if (record === undefined) throw new TestbedError(`There is no virtual device "${name}".`);
  return record;
}

export function findRecord(name: string): DeviceRecord | undefined {
  try {
    return JSON.parse(readFileSync(deviceFile(name, 'device.json'), 'utf8')) as DeviceRecord;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function writeRecord(record: DeviceRecord): void {
  const { name } = record.options;
  mkdirSync(deviceFolder(name), { recursive: true, mode: 0o755 });
  const temporary = deviceFile(name, `device.json.${process.pid}`);
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(temporary, deviceFile(name, 'device.json'));
}

/** The names of all device folders, also of those that a crash left without a record. */
export function deviceNames(): string[] {
  try {
    const entries = readdirSync(TESTBED_FOLDER, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** @throws TestbedError when the process has ended. */
export function identify(pid: number): ProcessIdentity {
  const ticks = startTicks(pid);
  if (ticks === undefined) throw new TestbedError(`Process ${pid} has ended.`);
  return { pid, startTicks: ticks };
}

/** A device lives as long as the process that has to take it down, or, when that is nobody, as its own PID 1. */
export function isAlive(record: DeviceRecord): boolean {
  const keeper = record.owner ?? record.init;
  return keeper !== undefined && startTicks(keeper.pid) === keeper.startTicks;
}

function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the program's name, may contain spaces and brackets: count from behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}
