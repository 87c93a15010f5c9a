import { RdtError } from '../errors.js';
import { compareTriggers, readTriggers, type TriggerHashes } from '../sync/build-triggers.js';
import { DIRTY } from '../sync/commit-stage.js';
import type { Deployed, Deployment, Marks } from '../sync/deployment.js';
import { ignoredNow, type LocalState } from '../sync/local-state.js';
import { rulesOfProject } from '../sync/own-folders.js';
import { hashTree, listTree, type ScanOptions } from '../sync/scan.js';
import { onRoot, pathsOnSharedMounts, seenFrom } from '../sync/mounts.js';
import { withPlace } from '../sync/place.js';
import { readMarks } from '../sync/state-token.js';
import { type Known, readDeployed } from '../sync/read-deployed.js';
import { planSync, type SyncPlan } from '../sync/sync-plan.js';
import { entriesAt, type Tree } from '../sync/tree.js';
import type { Container, Image } from '../transport/engine.js';
import { allOwed } from './app-debt.js';
import { changesSinceBuilt } from './built-from.js';
import { containerNamed, imageNamed } from './container-named.js';
import { describeOtherSettings, hasOtherSettings } from './container-spec.js';
import { type Decision, decide } from './decision.js';
import { isOurContainer, isOurImage, isSnapshot } from './labels.js';
import type { PushDeps, PushJob, Scan } from './push-job.js';
import { refuseAppOfOthers } from './pushed-from.js';
import { notOurs } from './taken-names.js';
import { isUnfinished } from './unfinished-push.js';

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

/** What is on the device under the app's name. */
export interface RemoteState extends Marks {
  readonly container: Container | undefined;
  readonly image: Image | undefined;
  /** Another push is replacing the container, or was killed while it did. */
  readonly unfinished: boolean;
}

/** One round trip for all of it. @throws RdtError when the name is taken by something that is not ours, or may be another project's. */
export async function readRemote(job: PushJob, deps: PushDeps): Promise<RemoteState> {
  const { engine, signal } = deps;
  const { appName, destination } = job.settings;
  const [container, image, marks, unfinished] = await Promise.all([
    containerNamed(engine, appName, signal),
    engine.inspectImage(imageNamed(appName), signal),
    readMarks(engine, appName, destination, signal),
    isUnfinished(engine, appName, signal),
  ]);
  if (container !== undefined && !(await isOurs(container, image, job, deps))) throw notOurs(appName);
  if (image !== undefined && !isOurImage(image, appName)) throw imageNotOurs(appName);
  if (container !== undefined) await refuseAppOfOthers(job, deps, container);
  return { container, image, ...marks, unfinished };
}

/** The image of a container is nearly always the one that has the app's name. */
async function isOurs(
  container: Container,
  named: Image | undefined,
  { settings }: PushJob,
  { engine, signal }: PushDeps,
): Promise<boolean> {
  if (!isOurContainer(container, settings.appName)) return false;
  const { imageId } = container;
  const image = imageId === named?.id ? named : await engine.inspectImage(imageId, signal);
  return image === undefined || !isSnapshot(image);
}

/** Whether nobody else has pushed between the two looks. */
export const isSameRemote = (a: RemoteState, b: RemoteState): boolean =>
  a.container?.id === b.container?.id &&
  a.image?.id === b.image?.id &&
  a.token === b.token &&
  a.engineRun === b.engineRun;

/** No push has left its token there, or one has not come to its end. */
export const isUnmarked = ({ token }: RemoteState): boolean => token === undefined || token === DIRTY;

function imageNotOurs(app: string): RdtError {
  return new RdtError(`the device has an image ${app} that rdt did not build`, {
    hint: 'rdt never takes over what is not its own: choose another --app-name, or remove that image yourself.',
  });
}

export function decideAction(job: PushJob, remote: RemoteState, triggers: TriggerHashes): Decision {
  const { settings, savedTriggers } = job;
  const { container } = remote;
  const decision = decide({
    app: settings.appName,
    forceBuild: job.forceBuild,
    triggersGiven: job.triggersGiven,
    triggerChanges: savedTriggers === undefined ? undefined : compareTriggers(savedTriggers, triggers),
    changesSinceBuilt: container && changesSinceBuilt(container, settings.buildTriggers, triggers),
    image: remote.image,
    container,
  });
  const reasons = new Set(decision.action === 'build' ? decision.reasons : []);
  for (const reason of job.buildReasons ?? []) reasons.add(reason);
  if (container !== undefined && hasOtherSettings(container, settings))
    reasons.add(`the container ${settings.appName} ${describeOtherSettings(container, settings)}`);
  return reasons.size === 0 ? decision : { action: 'build', reasons: [...reasons] };
}

export const readJobTriggers = ({ settings }: PushJob, { signal }: PushDeps): Promise<TriggerHashes> =>
  readTriggers(settings.source, settings.buildTriggers, signal);

/** Starts to list the folder at once; the files are read when `known` tells which of them have to be. */
export function startScan(job: PushJob, deps: PushDeps): Scan {
  if (deps.scan !== undefined) return deps.scan;
  const options = scanOptions(job, deps);
  const listing = listTree(options);
  // Awaited below, by whoever asks for the result; until then a failure must not end the process.
  listing.catch(() => undefined);
  return async (known) => {
    const listed = await listing;
    const tree = await hashTree(listed, known, options);
    return { tree, scannedAtMs: listed.listedAtMs, isIgnored: ignoredNow(options.source, options.rules) };
  };
}

function scanOptions({ settings }: PushJob, { emit, env, platform, signal }: PushDeps): ScanOptions {
  return {
    source: settings.source,
    rules: rulesOfProject(settings, { env, platform }),
    platform,
    signal,
    warn: (message) => emit({ type: 'warning', message }),
  };
}

export interface PlannedSync {
  readonly local: LocalState;
  readonly deployed: Deployed;
  readonly plan: SyncPlan;
  /** Given when the app may not know yet what it was sent: commands of the on-change rules that it is owed. */
  readonly owed: Deployment['owed'];
  /** The file on this computer that should tell what the container holds, and cannot. */
  readonly damagedFile?: string | undefined;
}

/** What a new container may hold of ours before anything was sent to it. */
export interface Inheritance {
  /** It may share volumes with this one, `seenFrom` the destination. */
  readonly predecessor: Container | undefined;
  /** What its image was made of. */
  readonly context: Tree;
}

/** Compares folder and container. `scan` may have begun before the container was known. */
export async function planPushSync(
  job: PushJob,
  deps: PushDeps,
  container: Container,
  known: Marks,
  scan: Scan,
  { predecessor, context }: Inheritance = { predecessor: undefined, context: NOTHING },
): Promise<PlannedSync> {
  const { engine, store, signal } = deps;
  const { source, destination } = job.settings;
  const stored = await store.load(container.id);
  const damagedFile = store.damagedFile?.(container.id);
  const before = predecessor === undefined ? undefined : await store.load(predecessor.id);
  const scanning = scan(stored?.tree ?? before?.tree ?? NOTHING);
  const scanned = scanning.then(({ tree }) => tree);
  // That it fails is heard from `scanning`.
  scanned.catch(() => undefined);
  const target = { engine, container, source, destination, signal };
  const marks = await withPlace(known, target);
  const seen = seenFrom(container, destination, marks.place);
  const { left, leftByBegun } =
    predecessor !== undefined && before?.destination === destination
      ? leftThrough(predecessor, before, seen)
      : LEFT_NOTHING;
  const [local, deployed] = await Promise.all([
    scanning,
    readDeployed(target, scanned, {
      marks,
      stored,
      left: new Map([...onRoot(context, seen, destination), ...left]),
      leftByBegun,
      verify: job.verify,
    }),
  ]);
  const plan = planSync({ deployed: deployed.tree, local: local.tree, isIgnored: local.isIgnored });
  return { local, deployed, plan, owed: allOwed(deployed, deps.debt, container), damagedFile };
}

type Left = Pick<Known, 'left' | 'leftByBegun'>;
const LEFT_NOTHING: Left = { left: NOTHING, leftByBegun: [] };

/** What syncs into another container have left on mounts that this one has as well. */
function leftThrough(
  predecessor: Container,
  { tree, begun = [], destination }: Deployment,
  container: Container,
): Left {
  const paths = [...tree.keys(), ...begun.map(({ path }) => path)];
  const shared = pathsOnSharedMounts(paths, predecessor, container, destination);
  return {
    left: new Map(entriesAt(tree, shared)),
    leftByBegun: begun.filter(({ path }) => shared.has(path)),
  };
}
