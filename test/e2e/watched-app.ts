import { expect } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import type { VirtualDevice } from '../testbed/virtual-device.js';
import type { FileTree } from './file-trees.js';
import { PushedApp } from './pushed-app.js';
import type { RdtResult, RunningRdt } from './rdt.js';

/** One line of `--json`. */
export interface WatchedEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** A project folder that `rdt push --watch` keeps in step with its app, until it is disposed of. */
export class WatchedApp extends PushedApp {
  private running: RunningRdt | undefined;

  constructor(
    device: VirtualDevice,
    name: string,
    files: Readonly<Record<string, string>>,
    /** How rdt is told where the device is. */
    private readonly target: string = device.address,
  ) {
    super(device, name, files);
  }

  /** Resolves when the first push has ended. */
  async watch(...args: string[]): Promise<void> {
    this.start(...args);
    await this.untilEvent(({ type }) => type === 'watching');
  }

  start(...args: string[]): void {
    const all = ['push', this.target, '--app-name', this.name, '--watch', '--json', ...args];
    this.running = this.rdt.start(all, { cwd: this.folder });
  }

  get process(): RunningRdt {
    if (this.running === undefined) throw new Error('nothing is watched yet');
    return this.running;
  }

  get events(): WatchedEvent[] {
    const lines = this.process.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as WatchedEvent);
  }

  ofType(type: string): WatchedEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  /** The first event after the `after` first ones that `isIt` knows. */
  async untilEvent(
    isIt: (event: WatchedEvent) => boolean,
    { after = 0, withinMs = 60_000 }: { after?: number; withinMs?: number } = {},
  ): Promise<WatchedEvent> {
    return eventually(
      () => {
        const { exitCode } = this.process.child;
        if (exitCode !== null) throw new Error(`rdt has ended with ${exitCode}:\n${this.process.stderr}`);
        return this.events.slice(after).find(isIt);
      },
      { what: `an event ${isIt.toString()}`, withinMs, explain: () => this.transcript() },
    );
  }

  /** Does something, and waits for what it leads to. */
  async andThen(type: string, act: () => unknown, withinMs = 60_000): Promise<WatchedEvent> {
    const after = this.events.length;
    await act();
    return this.untilEvent((event) => event.type === type, { after, withinMs });
  }

  override localTree(): FileTree {
    return super.localTree((path) => path === '.git' || path === 'node_modules');
  }

  /** Waits until the container holds what the folder holds. */
  async untilInStep(withinMs = 30_000): Promise<void> {
    const differs = async (): Promise<boolean> => {
      const [there, here] = [await this.deployedTree().catch(() => new Map()), this.localTree()];
      return JSON.stringify([...there]) !== JSON.stringify([...here].sort(([a], [b]) => (a < b ? -1 : 1)));
    };
    const deadline = performance.now() + withinMs;
    while ((await differs()) && performance.now() < deadline) await new Promise((r) => setTimeout(r, 100));
    expect(await this.deployedTree(), this.transcript()).toEqual(this.localTree());
  }

  /** As Ctrl-C. */
  async stop(): Promise<RdtResult> {
    this.process.kill('SIGINT');
    return this.process.ended();
  }

  transcript(): string {
    return `${this.process.stdout.split('\n').slice(-40).join('\n')}\n${this.process.stderr}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running !== undefined && this.running.child.exitCode === null) await this.stop();
    this[Symbol.dispose]();
  }
}
