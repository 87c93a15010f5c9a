import { spawn, type SpawnOptions } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { mustRun } from '../../testbed/program.js';
import { RunningRdt, type RdtResult } from '../rdt.js';

const BIN = fileURLToPath(new URL('../../../bin/rdt.js', import.meta.url));

/** One network adapter: on the bridge of a device, or on none (a cable that leads nowhere). */
export interface Adapter {
  readonly bridge?: string;
  /** With prefix length. IPv6 link-local comes by itself. */
  readonly addresses: readonly string[];
}

/**
 * A computer in the network of the virtual devices, with adapters `lan0`, `lan1` ... of its own: what it finds does not depend on other
 * devices and adapters of this host, and its name server never answers.
 */
export class Laptop implements AsyncDisposable {
  private constructor(readonly name: string) {}

  static async up(name: string, adapters: readonly Adapter[]): Promise<Laptop> {
    const laptop = new Laptop(name);
    await laptop.down();
    await mkdir(`/etc/netns/${name}`, { recursive: true });
    await writeFile(`/etc/netns/${name}/resolv.conf`, 'nameserver 127.0.0.53\noptions timeout:5\n');
    await mustRun(['ip', 'netns', 'add', name]);
    await mustRun(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
    // Port 53 on loopback drops what it gets, as a router without a way out does.
    await laptop.#inside(['iptables', '-A', 'INPUT', '-p', 'udp', '--dport', '53', '-j', 'DROP']);
    await laptop.#inside(['sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0']);
    for (const [index, adapter] of adapters.entries()) await laptop.#plugIn(index, adapter);
    return laptop;
  }

  start(args: readonly string[], options: SpawnOptions = {}): RunningRdt {
    return new RunningRdt(this.spawn([process.execPath, BIN, ...args], options));
  }

  run(args: readonly string[], options: SpawnOptions = {}): Promise<RdtResult> {
    return this.start(args, options).ended();
  }

  spawn(argv: readonly string[], options: SpawnOptions = {}): ReturnType<typeof spawn> {
    return spawn('ip', ['netns', 'exec', this.name, ...argv], { stdio: 'pipe', ...options });
  }

  async setAdapter(index: number, state: 'up' | 'down'): Promise<void> {
    await mustRun(['ip', '-n', this.name, 'link', 'set', `lan${index}`, state]);
  }

  /** What goes to this address is lost, and nobody says so. */
  async drop(address: string): Promise<void> {
    await this.#inside(['iptables', '-A', 'OUTPUT', '-d', address, '-j', 'DROP']);
  }

  /** The system's own resolver knows this host, as of the next program. */
  async addHost(name: string, address: string): Promise<void> {
    await writeFile(`/etc/netns/${this.name}/hosts`, `127.0.0.1 localhost\n${address} ${name}\n`);
  }

  /** Also what a crashed run left. */
  async down(): Promise<void> {
    await rm(`/etc/netns/${this.name}`, { recursive: true, force: true });
    // The kernel takes the adapters of a deleted namespace away later, when their names are wanted again.
    const links = await mustRun(['ip', '-brief', 'link', 'show', 'type', 'veth']);
    for (const link of links.split('\n').map((line) => line.split(/[@ ]/)[0] ?? '')) {
      if (link.replace(/\d+$/, '') === this.name) await mustRun(['ip', 'link', 'delete', link]);
    }
    const namespaces = await mustRun(['ip', 'netns', 'list']);
    if (namespaces.split('\n').some((line) => line.split(' ')[0] === this.name)) {
      await mustRun(['ip', 'netns', 'delete', this.name]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  async #plugIn(index: number, { bridge, addresses }: Adapter): Promise<void> {
    const [inside, outside] = [`lan${index}`, `${this.name}${index}`];
    await mustRun(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', this.name]);
    await mustRun(['ip', 'link', 'set', outside, ...(bridge === undefined ? [] : ['master', bridge]), 'up']);
    for (const address of addresses) {
      await mustRun(['ip', '-n', this.name, 'address', 'add', address, 'dev', inside]);
    }
    await mustRun(['ip', '-n', this.name, 'link', 'set', inside, 'up']);
  }

  #inside(argv: readonly string[]): Promise<string> {
    return mustRun(['ip', 'netns', 'exec', this.name, ...argv]);
  }
}
