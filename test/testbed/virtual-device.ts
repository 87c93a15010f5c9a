import { existsSync, readFileSync } from 'node:fs';
import type { BaseImage } from './base-images.js';
import { breakDisk, emptyDisk, fillDisk } from './device-disk.js';
import { DEVICE_ENV, insideDevice } from './device-processes.js';
import {
  type DeviceRecord,
  deviceFile,
  deviceNames,
  findRecord,
  isAlive,
  readRecord,
} from './device-record.js';
import { SSH_PORT, engineDoor, hostKeyFingerprint, testerKeyFile } from './device-services.js';
import {
  killEngine,
  killProgram,
  letEngineStop,
  pauseEngine,
  signalEngine,
  startEngine,
  stopEngine,
} from './engine-control.js';
import { runDocker } from './engine-door.js';
import { missingForDevices } from './host-check.js';
import { networkOf, setCable } from './host-network.js';
import { boot, claim, disown, importImages, install, startSsh, switchOff, whileOwned } from './lifecycle.js';
import { type ProgramOptions, type ProgramResult, runProgram } from './program.js';
import { shapeLink } from './slow-link.js';
import { destroyDevice } from './teardown.js';
import { TestbedError } from './testbed-error.js';
import { withTestbedLock } from './testbed-lock.js';
import {
  DEFAULT_ENGINE_PORT,
  type LinkProfile,
  type VirtualDeviceOptions,
} from './virtual-device-options.js';

export type { BaseImage } from './base-images.js';
export type { ProgramOptions, ProgramResult } from './program.js';
export { TestbedError } from './testbed-error.js';
export { LINK_PROFILES, type LinkProfile, type VirtualDeviceOptions } from './virtual-device-options.js';

/**
 * A device without hardware: a real engine, sshd and mDNS responder in namespaces of their own, on a bridge of this host.
 * All state lies in the device's folder and in the kernel, so any number of objects and processes may hold one device.
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
   * @throws TestbedError when this host cannot have devices, when a device of this name is up, or when something does
   * not start (with the end of its log); nothing of the device is left then.
   */
  static async up(options: VirtualDeviceOptions): Promise<VirtualDevice> {
    const missing = missingForDevices();
    if (missing !== undefined) throw new TestbedError(missing);
    checkName(options.name);
    await withTestbedLock(() => claim(options));
    const device = new VirtualDevice(options.name);
    try {
      await install(options.name);
      await boot(options.name);
      await device.importImages(...(options.images ?? []));
      if (options.outlivesProcess === true) disown(options.name);
    } catch (error) {
      await device.down();
      throw error;
    }
    return device;
  }

  /** The device of this name, which some process has made. @throws TestbedError when there is none that lives. */
  static attach(name: string): VirtualDevice {
    if (!isAlive(readRecord(name)))
      throw new TestbedError(`The virtual device "${name}" is dead; take it down.`);
    return new VirtualDevice(name);
  }

  /** All devices that are up on this host, whoever made them. */
  static list(): VirtualDevice[] {
    const records = deviceNames().flatMap((name) => findRecord(name) ?? []);
    return records.filter(isAlive).map((record) => new VirtualDevice(record.options.name));
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

  /** The public host key, as in known_hosts: `ssh-ed25519 AAAA...`. */
  get hostKey(): string {
    return readFileSync(deviceFile(this.name, 'etc/host_key.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  }

  /** `SHA256:...`, as ssh prints it. */
  get hostKeyFingerprint(): string {
    return hostKeyFingerprint(this.name);
  }

  /** A private key that lets root in where keys do (production, or `authorizedKeys`); for testers without their own. */
  get testerKeyFile(): string {
    return testerKeyFile(this.name);
  }

  /** Where dockerd.log, sshd.log, avahi.log, init.log and tunlink.log are. */
  get logFolder(): string {
    return deviceFile(this.name, 'log');
  }

  /** Runs the host's docker client against this engine; paths are this host's. Never throws for an exit code. */
  docker(...args: string[]): Promise<ProgramResult> {
    return runDocker(this.name, args);
  }

  /** As `docker`, with stdin, environment, folder and signal. */
  dockerWith(options: ProgramOptions, ...args: string[]): Promise<ProgramResult> {
    return runDocker(this.name, args, options);
  }

  /** Runs a program inside the device, as root, without a session of sshd. Never throws for an exit code. */
  run(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    return runProgram(insideDevice(this.#record, argv), { env: DEVICE_ENV, ...options });
  }

  async importImages(...images: BaseImage[]): Promise<void> {
    await importImages(this.name, images);
  }

  /**
   * Switches off and on again; what the engine stores is kept. `powerCut` gives nobody time to save anything; otherwise
   * the engine has 3 s to stop its containers. Resolves when the device is as after `up`.
   */
  async reboot({ powerCut = false }: { powerCut?: boolean } = {}): Promise<void> {
    await whileOwned(this.name, async () => {
      if (!powerCut) await letEngineStop(this.name);
      await switchOff(this.name);
      await boot(this.name);
    });
  }

  /** As after flashing the same image anew: new host key, no containers, only the images that `up` was given. */
  async reflash(): Promise<void> {
    await whileOwned(this.name, async () => {
      await switchOff(this.name);
      await install(this.name);
      await boot(this.name);
      await this.importImages(...(this.options.images ?? []));
    });
  }

  /** SIGSTOP: connections are accepted, nothing answers. */
  async pauseEngine(): Promise<void> {
    await pauseEngine(this.name);
  }

  async resumeEngine(): Promise<void> {
    await signalEngine(this.name, 'SIGCONT');
  }

  /** SIGKILL: connections are refused; containers go on until the engine starts again. */
  async killEngine(): Promise<void> {
    await killEngine(this.name);
  }

  /** Resolves when the engine answers. @throws TestbedError with the end of its log. */
  async startEngine(signal?: AbortSignal): Promise<void> {
    await startEngine(this.name, signal);
  }

  /** Ends the engine and its containers in order, and starts it. */
  async restartEngine(): Promise<void> {
    await stopEngine(this.name);
    await startEngine(this.name);
  }

  /** Ends sshd and every session of it. */
  async killSsh(): Promise<void> {
    await killProgram(this.name, 'sshd');
  }

  /** Resolves when sshd answers. On another port than `sshPort` until it is killed or the device boots anew. */
  async startSsh({ port }: { port?: number } = {}): Promise<void> {
    await startSsh(this.name, port);
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

  /** Leaves so many bytes (default 0) on the engine's disk. Only for a device with `diskMegabytes`. */
  async fillDisk({ leaveBytes = 0 }: { leaveBytes?: number } = {}): Promise<void> {
    this.#needDisk();
    await fillDisk(this.#record, leaveBytes);
  }

  /** Before `reboot`: what the kernel has not written to the engine's disk yet is lost with the power. Only for a device with `diskMegabytes`. */
  async breakDisk(): Promise<void> {
    this.#needDisk();
    await breakDisk(this.#record);
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

  #needDisk(): void {
    if (this.options.diskMegabytes === undefined)
      throw new TestbedError(`${this.name} has no disk of its own.`);
  }

  get #record(): DeviceRecord {
    return readRecord(this.name);
  }
}

function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,23}$/.test(name)) {
    throw new TestbedError(
      `"${name}" is no name for a virtual device: use a-z, 0-9 and -, at most 24 characters.`,
    );
  }
}
