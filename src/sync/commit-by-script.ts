import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { addPacked, newPackedFiles, type PackedFiles, packCommit } from './commit-archive.js';
import {
  archiveOf,
  ChangedMeanwhile,
  type Commit,
  type CommitOutcome,
  contentBytes,
  type CountedCommit,
  FolderInTheWay,
  GO_ON,
  IN_PLACE,
  MOUNTED,
  OBSTACLE,
  rebuild,
  refused,
} from './commit-request.js';
import { DIRTY } from './commit-stage.js';
import { missingFolders } from './destination.js';
import { makingWayLines } from './making-way.js';
import { isOnRoot, type MountPart, pathIn, splitByMount } from './mounts.js';
import { FOLDER_STATUS, IN_PLACE_STATUS, MOUNTED_STATUS, NO_FOLDER_STATUS } from './stage-script.js';
import { LostStage, type Stage, type StageResult, type Stages } from './stages.js';
import type { Deletion } from './sync-plan.js';
import { parentsOf } from './tree.js';

export type ScriptOutcome =
  | CommitOutcome
  /** A file that was to be patched is not the one that we left; nothing was changed. */
  | { readonly kind: 'other-base' };

/** By a script that runs in the container: it can delete, patch and rename. */
export async function commitByScript(request: CountedCommit, stages: Stages): Promise<ScriptOutcome> {
  const { plan, token } = request;
  const packed = newPackedFiles();
  const parts = splitByMount(plan.uploads, request.container, request.destination);
  let expected = knownState(request);
  if (plan.obstacles.length > 0 || parts.length > 1) {
    const cleared = await stage(
      request,
      stages,
      { below: '', uploads: [] },
      { deletions: plan.obstacles, token: DIRTY, mode: 'strict', expected },
      packed,
    );
    if (cleared !== undefined) return cleared;
    expected = DIRTY;
  }
  for (const part of parts) {
    const isLast = part.below === '';
    const deletions = isLast ? plan.deletions : [];
    // Only the destination itself has a state.
    const state = isLast ? { token, expected } : { token: '', expected: '' };
    const how: StageOptions = { deletions, mode: 'lenient', ...state };
    const failed = await stage(request, stages, part, how, packed);
    if (failed !== undefined) return failed;
  }
  return { kind: 'committed', channel: stages.channel, packed, hasShell: true };
}

/** What the container's state has to be still: a stage of ours that was cut off may begin late, and end before this one. */
const knownState = ({ deployed, repeats }: Commit): string => (repeats === true ? '' : deployed.state);

/** What a stage does besides its uploads. */
interface StageOptions extends Omit<Stage, 'folder' | 'id' | 'copiedBytes' | 'contentBytes' | 'onArrived'> {
  readonly deletions: readonly Deletion[];
}

/** Undefined when the script has done all of it. */
async function stage(
  request: CountedCommit,
  stages: Stages,
  part: MountPart,
  { deletions, ...how }: StageOptions,
  packed: PackedFiles,
): Promise<ScriptOutcome | undefined> {
  const id = randomBytes(4).toString('hex');
  const finish = {
    by: 'script',
    id,
    // Making way marks it itself, when nothing is in the way of that.
    marksState: how.token !== '' && how.mode === 'lenient',
    deletions,
    // Where nothing makes way, what is not ours may stay in a folder that goes.
    makingWay: how.mode === 'strict' ? makingWayLines(deletions, targetsOf(request)) : [],
    onRoot: foldersOnRoot(request, part, deletions),
    replaces: request.deployed.knowledge === 'none',
    patches: request.patches,
  } as const;
  const archive = { ...archiveOf(request, part), finish };
  let partPacked = newPackedFiles();
  let tar: Readable | undefined;
  const pack = (): Readable => {
    tar?.destroy();
    partPacked = newPackedFiles();
    return (tar = packCommit(archive, partPacked));
  };
  const asked: Stage = {
    ...how,
    folder: posix.join(request.destination, part.below),
    id,
    copiedBytes: patchedBytes(request, part),
    contentBytes: contentBytes(request, part, request.patches),
    onArrived: request.onArrived,
  };
  try {
    const result = await stages.run(asked, pack, request.signal);
    if (result.kind !== 'done') return await outcomeOf(request, asked, result);
    addPacked(packed, partPacked);
    return undefined;
  } finally {
    tar?.destroy();
  }
}

async function outcomeOf(
  request: CountedCommit,
  { folder, mode }: Stage,
  result: Exclude<StageResult, { kind: 'done' }>,
): Promise<ScriptOutcome> {
  switch (result.kind) {
    case 'other-base':
      return { kind: 'other-base' };
    case 'no-shell':
      return rebuild('files were deleted, and the container has no shell, tar or xargs to delete them');
    case 'stale':
      throw new ChangedMeanwhile(request.container);
    case 'lost':
      throw new LostStage(result.cause);
    case 'failed':
      if (result.status === FOLDER_STATUS) throw new FolderInTheWay(request.destination, result.errors);
      if (result.status === NO_FOLDER_STATUS) await missingFolders({ ...request, destination: folder });
      throw refused(
        request.destination,
        result.errors || `the script ended with exit code ${result.status}`,
        HINTS.get(result.status) ?? (mode === 'strict' ? OBSTACLE : GO_ON),
      );
  }
}

const HINTS: ReadonlyMap<number, string> = new Map([
  [MOUNTED_STATUS, MOUNTED],
  [IN_PLACE_STATUS, IN_PLACE],
]);

/** What is swapped itself has its folder on the list of what goes. */
function targetsOf({ plan, local }: Commit): string[] {
  const swapped = new Set(plan.obstacles.map(({ path }) => path));
  return plan.uploads.filter((path) => local.get(path)?.kind !== 'directory' && !swapped.has(path));
}

/** What the app has mounted there is gone, with all that is sent to it, when the container is restarted. */
function foldersOnRoot(
  { container, destination, restarts }: Commit,
  { below, uploads }: MountPart,
  deletions: readonly Deletion[],
): string[] {
  const isRoot = (path: string): boolean => isOnRoot(container, posix.join(destination, below, path));
  if (!restarts || !isRoot('')) return [];
  const folders = new Set<string>();
  for (const path of uploads) for (const folder of parentsOf(path)) folders.add(folder);
  for (const { path } of deletions) for (const folder of parentsOf(path)) folders.add(folder);
  return [...folders].filter(isRoot).sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
}

function patchedBytes({ patches }: CountedCommit, { below, uploads }: MountPart): number {
  return uploads.reduce((sum, path) => sum + (patches.get(pathIn(below, path))?.base.sizeBytes ?? 0), 0);
}
