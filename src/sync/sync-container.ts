import { randomBytes } from 'node:crypto';
import type { Container, Engine } from '../transport/engine.js';
import { type Commit, type CommitOutcome, commit } from './commit.js';
import type { PackedFiles } from './commit-archive.js';
import { DIRTY } from './commit-stage.js';
import {
  begunWith,
  type Deployed,
  type Deployment,
  type DeploymentStore,
  type Gone,
  isBack,
  type Marks,
  type Sent,
  traceOf,
  unknownDeployment,
  withoutRacyStamp,
} from './deployment.js';
import { differingPaths, withChanges } from './layered-tree.js';
import { refuseMountedPaths } from './mounted-path.js';
import { hasMounts, seenFrom, stageFolders, touchesTmpfs } from './mounts.js';
import { ownerOf } from './owner.js';
import { isEmptyPlan, isSwap, type SyncPlan } from './sync-plan.js';
import { type LocalEntry, type LocalTree, type Tree, type TreeEntry, unknownEntry } from './tree.js';
import { verifyContainer } from './verify.js';

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

/** What is known before the container is asked. */
export interface Known {
  readonly marks: Marks;
  readonly stored: Deployment | undefined;
  /** What earlier pushes of ours may have left besides: through another container, or in the image. */
  readonly left: Tree;
  /** Ask it whatever the marks say. */
  readonly verify: boolean;
}

/**
 * What of the local tree the container holds already, plus what earlier pushes of ours left there. While the folder is scanned the container gets ready to be asked.
 */
export async function readDeployed(
  target: Omit<SyncTarget, 'store' | 'compress'>,
  scanning: Promise<LocalTree>,
  { marks, stored, left, verify }: Known,
): Promise<Deployed> {
  const { token } = marks;
  const { engine, destination, source, signal } = target;
  const container = seenFrom(target.container, destination, marks.place);
  const remembered = stored?.destination === destination ? stored : undefined;
  // A tmpfs may be empty by now, wherever the token is. What was sent from another folder, or from here before it was moved, is ours as well.
  const isKnown = remembered?.source === source && remembered.begun === undefined;
  const isSure = isKnown && !verify && !touchesTmpfs(container, destination);
  // What was sent when nobody knew of a link may have missed a mount behind it.
  const isPlaced = !hasMounts(container) || marks.place === (remembered?.place ?? destination);
  const isMarked = isPlaced && token === remembered?.token && marks.engineRun === remembered?.engineRun;
  if (remembered !== undefined && isSure && isMarked) {
    const { tree } = remembered;
    return { tree, knowledge: 'token', remembered, marks, state: remembered.token, foreignToken: undefined };
  }
  // Of another destination of the same folder only the last token is remembered: the one that is there may be ours.
  const mayBeOurs = stored?.source === source && stored.destination !== destination;
  const isOurs = mayBeOurs || token === remembered?.token;
  const foreignToken = token === undefined || token === DIRTY || isOurs ? undefined : token;
  const canAsk = container.state.running && !container.state.restarting && remembered?.hasShell !== false;
  const { begun = [], gone = [] } = remembered ?? {};
  const others = [...begun, ...gone].map(({ path }) => path);
  const asking = canAsk
    ? verifyContainer({
        engine,
        container: container.id,
        source,
        folders: stageFolders(container, destination),
        scanning,
        others,
        signal,
      })
    : undefined;
  // Awaited below, when the scan has not failed.
  asking?.catch(() => undefined);
  const local = await scanning;
  const answer = await asking;
  const found = withoutApps(answer?.tree, remembered, local);
  const doubtful = (found === undefined ? begun : []).map(({ path, kind }): [string, TreeEntry] => [
    path,
    unknownEntry(kind),
  ]);
  const sent = new Map<string, TreeEntry>([...left, ...doubtful, ...(remembered?.tree ?? [])]);
  const vanished = entriesNotIn(sent, local);
  const tree = new Map(found === undefined ? vanished : [...found, ...withSent(vanished, found, begun)]);
  const knowledge = found === undefined ? 'none' : 'verified';
  return { tree, knowledge, remembered, marks, state: answer?.state ?? '', foreignToken };
}

/** A sync that was cut off may have put what it was sent in the place of what is remembered. */
function withSent(
  vanished: readonly [string, TreeEntry][],
  found: Tree,
  begun: readonly Sent[],
): readonly [string, TreeEntry][] {
  const sent = new Map(begun.map(({ path, kind }) => [path, kind]));
  return vanished.map(([path, entry]) => {
    const there = found.get(path);
    return [path, there !== undefined && there.kind === sent.get(path) ? there : entry];
  });
}

/** Without what is at a path where something of ours was deleted, and is not that. */
function withoutApps(
  found: Tree | undefined,
  remembered: Deployment | undefined,
  local: LocalTree,
): Tree | undefined {
  if (found === undefined || remembered?.gone === undefined) return found;
  const sent = new Set(remembered.begun?.map(({ path }) => path));
  const ours = new Map(found);
  for (const gone of remembered.gone) {
    const { path } = gone;
    const there = found.get(path);
    const isOtherwiseOurs = local.has(path) || sent.has(path) || remembered.tree.has(path);
    if (there !== undefined && !isOtherwiseOurs && !isBack(there, gone)) ours.delete(path);
  }
  return ours;
}

function entriesNotIn(tree: Tree, other: LocalTree): [string, TreeEntry][] {
  return [...tree].filter(([path]) => !other.has(path));
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
  if (outcome.kind !== 'committed') {
    // It may have been tried; and nobody knows whether the build succeeds.
    if (!isEmptyPlan(options.plan)) await noteBegun(target, request);
    return outcome;
  }
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
    gone: goneLately(options),
    owed: options.owed,
  });
  return outcome;
}

/** Kernels write within half a minute what they were given (`vm.dirty_expire_centisecs`), file systems note it every five seconds. */
const ON_DISK_MS = 60_000;

function goneLately({ deployed, plan, local, scannedAtMs }: SyncOptions): readonly Gone[] | undefined {
  const before = (deployed.remembered?.gone ?? []).filter(({ atMs }) => scannedAtMs - atMs < ON_DISK_MS);
  const now = [...plan.deletions, ...plan.obstacles].flatMap(({ path }): Gone[] => {
    const entry = deployed.tree.get(path);
    return entry === undefined ? [] : [{ path, trace: traceOf(entry), atMs: scannedAtMs }];
  });
  const gone = [...before, ...now].filter(({ path }) => !local.has(path));
  return gone.length === 0 ? undefined : gone;
}

/** How much of a failed commit has arrived is not known: what goes from the folder before the next one is still ours to delete. */
async function commitOrNote(target: SyncTarget, request: Commit): Promise<CommitOutcome> {
  try {
    return await (target.channel === undefined ? commit(request) : target.channel.commit(request));
  } catch (error) {
    await noteBegun(target, request);
    throw error;
  }
}

async function noteBegun(target: SyncTarget, request: Commit): Promise<void> {
  const remembered = rememberedOf(target, request);
  await target.store.save({ ...remembered, begun: begunBy(request, remembered) });
}

/**
 * A process that is killed notes nothing afterwards: nobody would know of the paths that are new, nor that the app has to be told. In a watch, which
 * has no time for it, the paths are enough.
 */
async function noteBeforehand(target: SyncTarget, request: Commit, owed: Deployment['owed']): Promise<void> {
  const { plan, deployed } = request;
  const remembered = rememberedOf(target, request);
  const begun = begunBy(request, remembered);
  const isNews = begun.length > (deployed.remembered?.begun?.length ?? 0);
  if (isEmptyPlan(plan) || (target.channel !== undefined && !isNews)) return;
  await target.store.saveNow({ ...remembered, begun, owed });
}

const begunBy = ({ plan, local }: Commit, remembered: Deployment): readonly Sent[] =>
  begunWith(remembered, plan.uploads, local);

const rememberedOf = ({ container, source, destination }: SyncTarget, { deployed }: Commit): Deployment =>
  deployed.remembered ?? unknownDeployment(container.id, source, destination);

interface DeployedNow extends Pick<SyncOptions, 'local' | 'scannedAtMs'> {
  readonly deployed: Pick<Deployed, 'tree' | 'remembered'>;
}

/** What the container holds now: the folder as it was sent, and for files that were not at rest what was there before. */
export function deployedTree(
  { local, deployed, scannedAtMs }: DeployedNow,
  { sent, changing }: PackedFiles,
): LocalTree {
  const unsent = new Set(changing);
  const changes = new Map<string, LocalEntry | undefined>();
  for (const [path, entry] of entriesToLookAt(local, deployed)) {
    const there = unsent.has(path)
      ? leftAt(deployed.remembered?.tree.get(path), entry)
      : (sent.get(path) ?? untouched(entry, deployed.tree.get(path)));
    const now = there === undefined ? undefined : withoutRacyStamp(there, scannedAtMs);
    if (now !== entry) changes.set(path, now);
  }
  return withChanges(local, changes);
}

/** What could not be sent has not taken anything's place, but what was in its way is gone. */
const leftAt = (before: LocalEntry | undefined, unsent: LocalEntry): LocalEntry | undefined =>
  before === undefined || isSwap(before, unsent) ? undefined : before;

/** What was remembered with this very entry was not young then, and is not now. */
function entriesToLookAt(
  local: LocalTree,
  { tree, remembered }: DeployedNow['deployed'],
): Iterable<[string, LocalEntry]> {
  const differing = tree === remembered?.tree ? differingPaths(tree, local) : undefined;
  if (differing === undefined) return local;
  return differing.flatMap((path): [string, LocalEntry][] => {
    const entry = local.get(path);
    return entry === undefined ? [] : [[path, entry]];
  });
}

/** A large file that was not sent has the time that it had; a patch of it has to know that one. */
function untouched(entry: LocalEntry, there: TreeEntry | undefined): LocalEntry {
  if (entry.kind !== 'file' || entry.blocks === undefined) return entry;
  return { ...entry, leftMtimeNs: there?.kind === 'file' ? there.leftMtimeNs : undefined };
}
