import { randomBytes } from 'node:crypto';
import type { Container, Engine } from '../transport/engine.js';
import { type Commit, type CommitOutcome, commit } from './commit.js';
import {
  type Deployed,
  type Deployment,
  type DeploymentStore,
  type Gone,
  unknownDeployment,
} from './deployment.js';
import { deployedTree } from './deployed-tree.js';
import { refuseMountedPaths } from './mounted-path.js';
import { seenFrom } from './mounts.js';
import { ownerOf } from './owner.js';
import { isEmptyPlan, type SyncPlan } from './sync-plan.js';
import { begunWith, goneFrom } from './trace.js';
import { entriesAt, type LocalEntry, type LocalTree } from './tree.js';

/** One folder on the laptop, one folder in a container. */
export interface SyncTarget {
  readonly engine: Engine;
  readonly container: Container;
  readonly source: string;
  readonly destination: string;
  readonly store: DeploymentStore;
  /** Where the link is worth it. */
  readonly compress: boolean;
  readonly signal: AbortSignal;
  /** A way into the container that is kept open. */
  readonly channel?: { commit(request: Commit): Promise<CommitOutcome> };
}

export interface SyncOptions {
  readonly local: LocalTree;
  readonly deployed: Deployed;
  readonly plan: SyncPlan;
  /** No process can look at the container's files: nothing needs to be staged. */
  readonly unobserved: boolean;
  /** The container is restarted for it: files on a tmpfs would not be there for the app. */
  readonly restarts: boolean;
  /** Wall clock when the scan began, ms since 1970: younger files are read again by the next scan. */
  readonly scannedAtMs: number;
  /** Noted with the result (deployment.ts). */
  readonly owed: Deployment['owed'];
  onProgress(sentBytes: number, totalBytes: number): void;
  /** As `Commit.onArrived`. */
  readonly onArrived?: (() => void) | undefined;
}

/**
 * Carries out a plan and remembers the result. Paths in `changing` were not at rest and are still as they were.
 * @throws RdtError when it cannot be carried out there: before anything is sent, where the reason is known by then.
 */
export async function syncContainer(target: SyncTarget, options: SyncOptions): Promise<CommitOutcome> {
  const { deployed } = options;
  const container = seenFrom(target.container, target.destination, deployed.marks.place);
  refuseMountedPaths({ ...target, container }, options.local, options.plan);
  const token = `v1.${randomBytes(8).toString('hex')}`;
  const owner = deployed.remembered?.owner ?? (await ownerOf(target.engine, target.container, target.signal));
  const { hasShell } = deployed.remembered ?? {};
  const request = { ...target, ...options, container, owner, token, hasShell };
  await noteBeforehand(target, request, options.owed);
  const outcome = await commitOrNote(target, request);
  if (outcome.kind !== 'committed') return outcome;
  const tree = deployedTree(options, outcome.packed);
  await target.store.save({
    containerId: target.container.id,
    source: target.source,
    destination: target.destination,
    token,
    engineRun: deployed.marks.engineRun,
    place: deployed.marks.place,
    hasShell: outcome.hasShell,
    owner,
    tree,
    begun: begunStill(deployed),
    gone: goneLately(options),
    owed: options.owed,
  });
  return outcome;
}

function begunStill({ knowledge, remembered, unsettled }: Deployed): Deployment['begun'] {
  if (knowledge === 'token') return remembered?.begun;
  return unsettled.length === 0 ? undefined : unsettled;
}

/** Kernels write within half a minute what they were given (`vm.dirty_expire_centisecs`), file systems note it every five seconds. */
const ON_DISK_MS = 60_000;

/** Also what was replaced: it is what is back when its path is deleted before the disk has either. */
function goneLately({ deployed, plan, scannedAtMs }: SyncOptions): readonly Gone[] | undefined {
  const before = (deployed.remembered?.gone ?? []).filter(({ atMs }) => scannedAtMs - atMs < ON_DISK_MS);
  const deleted = [...plan.deletions, ...plan.obstacles].map(({ path }) => path);
  const now = Array.from(entriesAt(deployed.tree, new Set([...deleted, ...plan.uploads])), ([path, entry]) =>
    goneFrom(path, entry, scannedAtMs),
  );
  const gone = [...before, ...now].filter((each) => each !== undefined);
  return gone.length === 0 ? undefined : gone;
}

/** How much of a failed commit has arrived is not known: what goes from the folder before the next one is still ours to delete. */
async function commitOrNote(target: SyncTarget, request: Commit): Promise<CommitOutcome> {
  const others: [string, LocalEntry][] = [];
  const told = { ...request, onOtherContent: (path: string, sent: LocalEntry) => others.push([path, sent]) };
  let outcome: CommitOutcome;
  try {
    outcome = await (target.channel === undefined ? commit(told) : target.channel.commit(told));
  } catch (error) {
    await noteBegun(target, request, others);
    throw error;
  }
  // It may have been tried; and nobody knows whether the build succeeds.
  if (outcome.kind !== 'committed' && !isEmptyPlan(request.plan)) await noteBegun(target, request, others);
  return outcome;
}

async function noteBegun(
  target: SyncTarget,
  request: Commit,
  others: Iterable<[string, LocalEntry]>,
): Promise<void> {
  const remembered = rememberedOf(target, request);
  const { plan, local } = request;
  const begun = begunWith(remembered, [...entriesAt(local, plan.uploads), ...others]);
  await target.store.save({ ...remembered, begun });
}

/**
 * A process that is killed notes nothing afterwards: nobody would know of the paths that are new, nor that the app has to be told. In a watch, which
 * has no time for it, the paths are enough.
 */
async function noteBeforehand(target: SyncTarget, request: Commit, owed: Deployment['owed']): Promise<void> {
  const { plan, deployed } = request;
  const remembered = rememberedOf(target, request);
  const begun = begunWith(remembered, entriesAt(request.local, plan.uploads));
  const isNews = begun.length > 0 && begun !== deployed.remembered?.begun;
  if (isEmptyPlan(plan) || (target.channel !== undefined && !isNews)) return;
  await target.store.saveNow({ ...remembered, begun, owed });
}

const rememberedOf = ({ container, source, destination }: SyncTarget, { deployed }: Commit): Deployment =>
  deployed.remembered ?? unknownDeployment(container.id, source, destination);
