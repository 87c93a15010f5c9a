import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type BaseImage, importArguments } from './base-images.js';
import { createDisk } from './device-disk.js';
import { DEVICE_ENV, bootInit, insideDevice, killAll, startDaemon } from './device-processes.js';
import { deviceFile, findRecord, identify, readRecord, writeRecord } from './device-record.js';
import { avahiCommand, makeHostKey, SSH_PORT, sshdCommand, writeConfiguration } from './device-services.js';
import { startEngine } from './engine-control.js';
import { runDocker } from './engine-door.js';
import { eventually } from './eventually.js';
import { allocate, createNetwork, setCable } from './host-network.js';
import { mustRun } from './program.js';
import { shapeLink } from './slow-link.js';
import { destroyDevice, sweepOrphans } from './teardown.js';
import { TestbedError } from './testbed-error.js';
import type { VirtualDeviceOptions } from './virtual-device-options.js';

const DISK = ['docker', 'data', 'disk.img'];

/**
 * Sweeps what crashed runs left, then takes the name, a number and a place on the network. Call it under the lock.
 * @throws TestbedError when a living device has the name.
 */
export async function claim(options: VirtualDeviceOptions): Promise<void> {
  await sweepOrphans();
  const existing = findRecord(options.name);
  if (existing !== undefined) {
    const until = existing.owner === null ? 'until it is taken down' : `for process ${existing.owner.pid}`;
    throw new TestbedError(`The virtual device "${options.name}" is up already, ${until}.`);
  }
  const record = { options, owner: identify(process.pid), ...allocate(options.bridge) };
  writeRecord(record);
  try {
    await createNetwork(record);
  } catch (error) {
    await destroyDevice(options.name);
    throw error;
  }
}

/** What flashing and the first start do: an identity, an empty disk. */
export async function install(name: string): Promise<void> {
  const record = readRecord(name);
  const { diskMegabytes, link } = record.options;
  for (const path of DISK) rmSync(deviceFile(name, path), { recursive: true, force: true });
  await Promise.all([
    writeConfiguration(record.options),
    makeHostKey(name),
    ...(diskMegabytes === undefined ? [] : [createDisk(name, diskMegabytes)]),
    ...(link === undefined ? [] : [shapeLink(record, link)]),
  ]);
}

/** Resolves when engine and sshd answer and the device is announced. */
export async function boot(name: string): Promise<void> {
  const record = readRecord(name);
  writeRecord({ ...record, init: await bootInit(record) });
  await setCable(record, 'up');
  await Promise.all([startEngine(name), startSsh(name), announce(name)]);
}

/** The power goes: all processes end at once, and nothing answers on the network. */
export async function switchOff(name: string): Promise<void> {
  await setCable(readRecord(name), 'down');
  await killAll(name);
}

/** Resolves when sshd answers. */
export async function startSsh(name: string, port = SSH_PORT): Promise<void> {
  const record = readRecord(name);
  // sshd returns from the command line when its daemon listens.
  await mustRun(insideDevice(record, sshdCommand(record.options, port)), { env: DEVICE_ENV });
}

/**
 * Without an owner the device's own PID 1 stands for its life. While that is away we do: otherwise another process's
 * `up` would take the device for a crashed one.
 */
export async function whileOwned(name: string, work: () => Promise<void>): Promise<void> {
  const { owner } = readRecord(name);
  if (owner === null) writeRecord({ ...readRecord(name), owner: identify(process.pid) });
  await work();
  if (owner === null) disown(name);
}

/** From now on the device lives until somebody takes it down. */
export function disown(name: string): void {
  writeRecord({ ...readRecord(name), owner: null });
}

/** @throws TestbedError with the engine's words when it refuses one. */
export async function importImages(name: string, images: readonly BaseImage[]): Promise<void> {
  for (const image of images) {
    const result = await runDocker(name, await importArguments(image));
    if (result.exitCode !== 0) throw new TestbedError(`${name} refused the image ${image}: ${result.stderr}`);
  }
}

async function announce(name: string): Promise<void> {
  const record = readRecord(name);
  if (record.options.announce === false) return;
  const log = deviceFile(name, 'log/avahi.log');
  rmSync(log, { force: true });
  await startDaemon(record, 'avahi.log', avahiCommand(record.options));
  await eventually(() => existsSync(log) && readFileSync(log, 'utf8').includes('successfully established'), {
    what: `The announcement of ${name}`,
    withinMs: 20_000,
    explain: () => readFileSync(log, 'utf8'),
  });
}
