import { expect } from 'vitest';
import { WarmChannel } from '../../src/sync/warm-channel.js';
import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { HttpEngine } from '../../src/transport/docker/http-engine.js';
import { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import { SyncedFolder } from '../contract/synced-folder.js';
import { eventually } from '../testbed/eventually.js';
import type { VirtualDevice } from '../testbed/virtual-device.js';
import { CuttableDialer } from './cuttable-dialer.js';

const DESTINATION = '/usr/src/app';
const LOOP = ['sh', '-c', 'while true; do sleep 1; done'];

/** A container, a folder that is kept in step with it, and the channel between them. */
export class ChannelRig implements AsyncDisposable {
  private constructor(
    readonly device: VirtualDevice,
    readonly name: string,
    readonly dialer: CuttableDialer,
    readonly engine: HttpEngine,
    readonly channel: WarmChannel,
    readonly folder: SyncedFolder,
  ) {}

  static async start(device: VirtualDevice, name: string, image: string): Promise<ChannelRig> {
    const command = image === 'scratch-app' ? [] : LOOP;
    const run = await device.docker('run', '--detach', '--init', '--name', name, image, ...command);
    expect(run.exitCode, run.stderr).toBe(0);
    const dialer = new CuttableDialer(new TcpDialer(device.address, device.enginePort));
    const engine = new HttpEngine(new EngineHttp(dialer));
    const container = await engine.inspectContainer(name);
    if (container === undefined) throw new Error(`${name} is not there`);
    const channel = WarmChannel.open(
      { engine, container, destination: DESTINATION, compress: true },
      new AbortController().signal,
    );
    const folder = new SyncedFolder(engine, container, DESTINATION, (request) => channel.commit(request));
    const rig = new ChannelRig(device, name, dialer, engine, channel, folder);
    if (image !== 'scratch-app') await rig.untilWarm();
    return rig;
  }

  async untilWarm(): Promise<void> {
    await eventually(() => this.channel.isWarm, {
      what: 'the channel is warm',
      withinMs: 10_000,
      everyMs: 5,
    });
  }

  /** The output of a program in the container, which has to succeed. */
  async exec(...argv: string[]): Promise<string> {
    return this.docker('exec', '--workdir', DESTINATION, this.name, ...argv);
  }

  async docker(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.device.docker(...args);
    expect(exitCode, `docker ${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.channel[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
    await this.device.docker('rm', '--force', '--volumes', this.name);
  }
}
