import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { VirtualDevice } from '../test/testbed/virtual-device.js';
import { BenchProject, mergedFolder, type ProjectSize } from './push-rig.js';
import { watchByCompose, watchByLivepush, watchByRdt, watchByRsync, type Watching } from './watch-peers.js';
import { ContainerEye } from './watch-rig.js';

export type Method = 'rdt' | 'rdt process' | 'rdt container' | 'rsync' | 'compose' | 'livepush';

export const SYNCING: readonly Method[] = ['rdt', 'rsync', 'compose', 'livepush'];
export const RESTARTING: readonly Method[] = ['rdt process', 'rdt container', 'rsync', 'compose', 'livepush'];

/** A peer takes seconds for what takes us milliseconds: so ours has enough samples for its p95. */
const OUR_TURNS = 3;

export type Samples = Map<Method, number[]>;
/** What was measured, and what each method took for it. */
export type Row = readonly [string, Samples];

export interface Bench {
  readonly device: VirtualDevice;
  readonly address: string;
  readonly rounds: number;
}

/** Folders, apps and watchers of several methods, each with its own. */
export class Lanes implements AsyncDisposable {
  readonly projects = new Map<Method, BenchProject>();
  readonly watchers = new Map<Method, Watching>();
  readonly eyes = new Map<Method, ContainerEye>();
  private readonly state = mkdtempSync(join(tmpdir(), 'rdt-bench-watch-'));

  constructor(
    private readonly bench: Bench,
    readonly methods: readonly Method[],
    size: ProjectSize,
    command: string,
    prepare: (project: BenchProject) => void = () => undefined,
  ) {
    for (const method of methods) {
      const project = new BenchProject(method.replace(' ', '-'), size, command);
      if (method === 'livepush') addTestProgram(project);
      prepare(project);
      this.projects.set(method, project);
    }
  }

  async open(between: (project: BenchProject) => Promise<void> = () => Promise.resolve()): Promise<void> {
    for (const [method, project] of this.projects) {
      const restart = method === 'rdt process' ? ['--restart', 'process'] : ['--restart', 'none'];
      project.rdt(this.bench.address, ...restart);
      await between(project);
      this.watchers.set(method, await this.watch(method, project));
      this.eyes.set(method, await ContainerEye.open(this.bench.device, project.app));
    }
    await delay(1_000);
  }

  private async watch(method: Method, { folder, app }: BenchProject): Promise<Watching> {
    const { device, address } = this.bench;
    const restarts = this.methods === RESTARTING;
    const place = { folder, app, address, merged: await mergedFolder(device, app), restarts };
    switch (method) {
      case 'rdt':
        return watchByRdt(place, 'none', this.state);
      case 'rdt process':
        return watchByRdt(place, 'process', this.state);
      case 'rdt container':
        return watchByRdt(place, 'container', this.state);
      case 'rsync':
        return watchByRsync(place);
      case 'compose':
        return watchByCompose(place);
      case 'livepush':
        return watchByLivepush(place);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.watchers.values()) await watcher[Symbol.asyncDispose]();
    for (const project of this.projects.values()) {
      await this.bench.device.docker('rm', '-f', project.app);
      await this.bench.device.docker('rmi', project.app);
      project[Symbol.dispose]();
    }
    rmSync(this.state, { recursive: true, force: true });
  }
}

/** livepush asks /usr/bin/test whether the destination is a folder; where that program is missing it takes it for a file. */
function addTestProgram({ folder }: BenchProject): void {
  const file = join(folder, 'Dockerfile');
  const link = 'RUN mkdir -p /usr/bin && ln -sf /bin/busybox /usr/bin/test';
  writeFileSync(file, readFileSync(file, 'utf8').replace('FROM busybox\n', `FROM busybox\n${link}\n`));
}

/** Round -1 warms every cache and is not counted. */
export async function measure(
  lanes: Lanes,
  rounds: number,
  act: (method: Method, project: BenchProject, round: number) => Promise<number>,
): Promise<Samples> {
  const samples: Samples = new Map();
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < lanes.methods.length; turn++) {
      const method = lanes.methods[(turn + round + 1) % lanes.methods.length];
      const project = method === undefined ? undefined : lanes.projects.get(method);
      if (method === undefined || project === undefined) continue;
      for (let turnOfOurs = 0; turnOfOurs < (method.startsWith('rdt') ? OUR_TURNS : 1); turnOfOurs++) {
        const durationMs = await act(method, project, (round + 1) * OUR_TURNS + turnOfOurs);
        await lanes.watchers.get(method)?.settled();
        await delay(150);
        if (round >= 0) samples.set(method, [...(samples.get(method) ?? []), durationMs]);
      }
    }
  }
  return samples;
}
