import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createDisk, emptyDisk, fillDisk } from './device-disk.js';
import {
  deviceNames,
  findRecord,
  isAlive,
  ownerOfThisProcess,
  readRecord,
  writeRecord,
} from './device-record.js';
import { type DeviceRecord, deviceFile } from './device-record.js';
import { bootInit, insideDevice, killAll, pidsOf, sendSignal, startDaemon } from './device-processes.js';
import {
  DEFAULT_ENGINE_PORT,
  SSH_PORT,
  avahiCommand,
  dockerdCommand,
  engineDoor,
  hostKeyFingerprint,
  makeHostKey,
  sshdCommand,
  writeConfiguration,
} from './device-services.js';
import { runDocker, waitForEngine } from './engine-door.js';
import { eventually } from './eventually.js';
import { type BaseImage, importArguments } from './base-images.js';
import { allocate, createNetwork, networkOf, setCable } from './host-network.js';
import { type ProgramOptions, type ProgramResult, runProgram } from './program.js';
import { shapeLink } from './slow-link.js';
import { destroyDevice, sweepOrphans } from './teardown.js';
import { TestbedError } from './testbed-error.js';
import { withTestbedLock } from './testbed-lock.js';
import type { LinkProfile, VirtualDeviceOptions } from './virtual-device-options.js';

export type { LinkProfile, VirtualDeviceOptions } from './virtual-device-options.js';
export { LINK_PROFILES } from './virtual-device-options.js';
export { TestbedError } from './testbed-error.js';

/** Containers get up to 10 s each to end, all at the same time. */
const STOPS_WITHIN_MS = 20_000;
const REBOOT_PATIENCE_MS = 3000;

/**
 * A device without hardware: a real engine, sshd and mDNS responder in namespaces of their own, on a bridge of this host.
 * Every state lies in the device's folder and in the kernel, so any number of objects and processes may hold the same device.
 */
export class VirtualDevice implements AsyncDisposable {
  readonly name: string;
  readonly sshPort = SSH_PORT;

  private constructor(name: string) {
    this.name = name;
  }

  /**
   * Makes and boots a device; sweeps first what crashed runs left. Resolves when engine and sshd answer and the
   * device is announced.
   * @throws TestbedError when a device of this name is up, or when something does not start (with the end of its log).
   */
  static async up(options: VirtualDeviceOptions): Promise<VirtualDevice> {
    checkName(options.name);
    const device = new VirtualDevice(options.name);
    await withTestbedLock(() => device.#claim(options));
    try {
      await device.#install();
      await device.#boot();
      await device.importImages(...(options.images ?? []));
      if (options.outlivesProcess === true) writeRecord({ ...device.#record, owner: null });
    } catch (error) {
      await device.down();
      throw error;
    }
    return device;
  }

  /** The device of this name, which some process has made. @throws TestbedError when there is none. */
  static attach(name: string): VirtualDevice {
    if (!isAlive(readRecord(name)))
      throw new TestbedError(`The virtual device "${name}" is dead; take it down.`);
    return new VirtualDevice(name);
  }

  /** All devices that are up on this host, whoever made them. */
  static list(): VirtualDevice[] {
    const alive = deviceNames().filter((name) => {
      const record = findRecord(name);
      return record !== undefined && isAlive(record);
    });
    return alive.map((name) => new VirtualDevice(name));
  }

  get options(): VirtualDeviceOptions {
    return this.#record.options;
  }

  get hostname(): string {
    return this.options.hostname ?? this.name;
  }

  /** IPv4, through the cable and the bridge. */
  get address(): string {
    return networkOf(this.#record).address;
  }

  /** IPv4, through the slow link; without one the same as `address`. */
  get linkAddress(): string {
    const hasLink = existsSync(deviceFile(this.name, 'link.fifo'));
    return hasLink ? networkOf(this.#record).linkAddress : this.address;
  }

  /** A unique local address, through the cable. */
  get ipv6(): string {
    return networkOf(this.#record).ipv6;
  }

  /** With the zone as this host names it: `fe80::...%rdtbr0`. */
  get ipv6LinkLocal(): string {
    return networkOf(this.#record).ipv6LinkLocal;
  }

  /** This host's interface on which the device is found. */
  get hostInterface(): string {
    return networkOf(this.#record).bridge;
  }

  get enginePort(): number {
    return this.options.enginePort ?? DEFAULT_ENGINE_PORT;
  }

  /** The test bed's own socket to the engine: it works whatever happens to cable and TCP. Not a part of the device. */
  get engineDoor(): string {
    return engineDoor(this.name);
  }

  /** `SHA256:...`, as ssh prints it. */
  get hostKeyFingerprint(): string {
    return hostKeyFingerprint(this.name);
  }

  /** The line's middle and end of the device's public host key: `ssh-ed25519 AAAA...`. */
  get hostKey(): string {
    return readFileSync(deviceFile(this.name, 'etc/host_key.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  }

  /** Runs the host's docker client against this engine; paths are this host's. */
  docker(...args: string[]): Promise<ProgramResult> {
    return runDocker(this.name, args, {});
  }

  /** As `docker`, with stdin, environment and signal. */
  dockerWith(options: ProgramOptions, ...args: string[]): Promise<ProgramResult> {
    return runDocker(this.name, args, options);
  }

  /** Runs a program inside the device, as root. */
  run(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    return runProgram(insideDevice(this.#record, argv), options);
  }

  /** @throws TestbedError with the engine's words when it refuses one. */
  async importImages(...images: BaseImage[]): Promise<void> {
    for (const image of images) {
      const result = await this.docker(...(await importArguments(image)));
      if (result.exitCode !== 0) throw new TestbedError(`${image} was not imported: ${result.stderr}`);
    }
  }

  /**
   * Switches off and on again; everything that the engine stores is kept. `powerCut` gives nobody time to save anything;
   * otherwise the engine has 3 s to stop its containers. Resolves when the device is as after `up`.
   */
  async reboot({ powerCut = false }: { powerCut?: boolean } = {}): Promise<void> {
    if (!powerCut) await this.#letEngineStop();
    await this.#switchOff();
    await this.#boot();
  }

  /** SIGSTOP: connections are accepted, nothing answers. */
  async pauseEngine(): Promise<void> {
    await this.#signalEngine('SIGSTOP');
  }

  async resumeEngine(): Promise<void> {
    await this.#signalEngine('SIGCONT');
  }

  /** SIGKILL: connections are refused; containers go on until the engine starts again. */
  async killEngine(): Promise<void> {
    await this.#signalEngine('SIGKILL');
    await this.#untilEnded('dockerd');
  }

  /** Resolves when the engine answers. */
  async startEngine(signal?: AbortSignal): Promise<void> {
    rmSync(this.engineDoor, { force: true });
    await this.run(['rm', '-f', '/run/docker.pid', '/run/docker/containerd/containerd.pid']);
    await startDaemon(this.#record, 'dockerd.log', dockerdCommand(this.options));
    await waitForEngine(this.name, signal);
  }

  /** Stops it with SIGTERM, and containers with it, and starts it. */
  async restartEngine(): Promise<void> {
    await this.#stopEngine();
    await this.startEngine();
  }

  /** Ends sshd and every session of it. */
  async killSsh(): Promise<void> {
    for (const pid of await pidsOf(this.name, 'sshd')) sendSignal(pid, 'SIGKILL');
    await this.#untilEnded('sshd');
  }

  /** Resolves when sshd answers. */
  async startSsh(): Promise<void> {
    const result = await this.run(sshdCommand(this.options));
    if (result.exitCode !== 0)
      throw new TestbedError(`sshd of ${this.name} did not start:\n${result.stderr}`);
  }

  /** Pulls the cable, and cuts the slow link: packets vanish. */
  async unplug(): Promise<void> {
    await setCable(this.#record, 'down');
  }

  async plug(): Promise<void> {
    await setCable(this.#record, 'up');
  }

  /** Changes the slow link at once, also for open connections; makes it when the device had none. */
  async setLink(profile: LinkProfile): Promise<void> {
    await shapeLink(this.#record, profile);
  }

  /** As after flashing the same image anew: new host key, no containers, only the images that `up` was given. */
  async reflash(): Promise<void> {
    await this.#switchOff();
    for (const path of ['docker', 'data', 'disk.img']) {
      rmSync(deviceFile(this.name, path), { recursive: true, force: true });
    }
    await this.#install();
    await this.#boot();
    await this.importImages(...(this.options.images ?? []));
  }

  /** Leaves so many bytes (default 0) on the engine's disk. Only for a device with `diskMegabytes`. */
  async fillDisk({ leaveBytes = 0 }: { leaveBytes?: number } = {}): Promise<void> {
    if (this.options.diskMegabytes === undefined)
      throw new TestbedError(`${this.name} has no disk of its own.`);
    await fillDisk(this.#record, leaveBytes);
  }

  async freeDisk(): Promise<void> {
    await emptyDisk(this.#record);
  }

  /** Removes the device and everything of it. Does nothing when it is gone already. */
  async down(): Promise<void> {
    await withTestbedLock(() => destroyDevice(this.name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  get #record(): DeviceRecord {
    return readRecord(this.name);
  }

  async #claim(options: VirtualDeviceOptions): Promise<void> {
    await sweepOrphans();
    const existing = findRecord(options.name);
    if (existing !== undefined) {
      const owner =
        existing.owner === null ? 'until somebody takes it down' : `for process ${existing.owner.pid}`;
      throw new TestbedError(`The virtual device "${options.name}" is up already, ${owner}.`);
    }
    const record = { options, owner: ownerOfThisProcess(), ...allocate(options.bridge) };
    writeRecord(record);
    try {
      await createNetwork(record);
    } catch (error) {
      await destroyDevice(options.name);
      throw error;
    }
  }

  async #install(): Promise<void> {
    writeConfiguration(this.options);
    await makeHostKey(this.name);
    if (this.options.diskMegabytes !== undefined) await createDisk(this.name, this.options.diskMegabytes);
    if (this.options.link !== undefined) await shapeLink(this.#record, this.options.link);
  }

  async #boot(): Promise<void> {
    const initPid = await bootInit(this.#record);
    writeRecord({ ...this.#record, initPid });
    await setCable(this.#record, 'up');
    await Promise.all([this.startEngine(), this.startSsh(), this.#announce()]);
  }

  async #announce(): Promise<void> {
    if (this.options.announce === false) return;
    const log = deviceFile(this.name, 'log/avahi.log');
    rmSync(log, { force: true });
    await startDaemon(this.#record, 'avahi.log', avahiCommand(this.options));
    await eventually(
      () => existsSync(log) && readFileSync(log, 'utf8').includes('successfully established'),
      {
        what: `The announcement of ${this.name}`,
        withinMs: 20_000,
        explain: () => readFileSync(log, 'utf8'),
      },
    );
  }

  async #switchOff(): Promise<void> {
    await setCable(this.#record, 'down');
    await killAll(this.name);
  }

  /** Containers that ignore SIGTERM keep the engine for 10 s: no tester wants to wait for that, so the power goes. */
  async #letEngineStop(): Promise<void> {
    await this.#signalEngine('SIGTERM');
    const deadline = performance.now() + REBOOT_PATIENCE_MS;
    await eventually(
      async () => performance.now() > deadline || (await pidsOf(this.name, 'dockerd')).length === 0,
      { what: `The end of dockerd of ${this.name}`, withinMs: 2 * REBOOT_PATIENCE_MS },
    );
  }

  async #stopEngine(): Promise<void> {
    await this.#signalEngine('SIGTERM');
    await this.#untilEnded('dockerd');
  }

  async #signalEngine(signal: NodeJS.Signals): Promise<void> {
    for (const pid of await pidsOf(this.name, 'dockerd')) sendSignal(pid, signal);
  }

  async #untilEnded(program: string): Promise<void> {
    await eventually(async () => (await pidsOf(this.name, program)).length === 0, {
      what: `The end of ${program} of ${this.name}`,
      withinMs: STOPS_WITHIN_MS,
    });
  }
}

function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,23}$/.test(name)) {
    throw new TestbedError(
      `"${name}" is no name for a virtual device: use a-z, 0-9 and -, at most 24 characters.`,
    );
  }
}
