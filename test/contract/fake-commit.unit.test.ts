import { commit } from '../../src/sync/commit.js';
import { ExecStages } from '../../src/sync/stages.js';
import { WarmChannel } from '../../src/sync/warm-channel.js';
import { eventually } from '../testbed/eventually.js';
import { type CommitRig, commitContract, type OpenWay } from './commit-contract.js';
import { FakeEngine } from './fake-engine.js';
import { runUntilKilled } from './fake-process.js';
import { playStages } from './fake-stages.js';
import type { CommitWay } from './synced-folder.js';

const wayOf = (commit: CommitWay): Promise<OpenWay> =>
  Promise.resolve({ commit, [Symbol.asyncDispose]: () => Promise.resolve() });

async function rigOf(
  options: { hasShell: boolean },
  open: (rig: Pick<CommitRig, 'engine' | 'container'>, destination: string) => Promise<OpenWay>,
): Promise<CommitRig> {
  const engine = new FakeEngine((process) => {
    if (process.argv[0] === 'app') return runUntilKilled(process.killed);
    return options.hasShell ? playStages(process) : undefined;
  });
  engine.addImage('busybox', { cmd: ['app'] });
  const id = await engine.createContainer('app', { Image: 'busybox', Labels: {}, HostConfig: {} });
  await engine.startContainer(id);
  const container = engine.container(id).describe();
  return {
    engine,
    container,
    owner: { uid: 0, gid: 0 },
    canDelete: options.hasShell,
    open: (destination) => open({ engine, container }, destination),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

commitContract('the fake engine, without a shell', () => rigOf({ hasShell: false }, () => wayOf(commit)));

commitContract('the fake engine, as a push does it', () => rigOf({ hasShell: true }, () => wayOf(commit)));

commitContract('the fake engine, by a script each time', () =>
  rigOf({ hasShell: true }, ({ engine, container }) =>
    wayOf((request) => commit({ ...request, stages: new ExecStages({ ...request, engine, container }) })),
  ),
);

commitContract('the fake engine, by the warm channel', () =>
  rigOf({ hasShell: true }, async ({ engine, container }, destination) => {
    const channel = WarmChannel.open(
      { engine, container, destination, compress: true },
      new AbortController().signal,
    );
    await eventually(() => Promise.resolve(channel.isWarm), { what: 'the channel is warm', withinMs: 5_000 });
    return {
      commit: (request) => channel.commit(request),
      [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
    };
  }),
);
