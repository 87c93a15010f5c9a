import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { archiveBody } from './archive-body.js';
import { DIRTY, newPackedFiles, type PackedFiles, packCommit } from './commit-archive.js';
import { CLEAN_SCRIPT, runScript } from './container-script.js';
import { makeDestination } from './destination.js';
import type { Deployed, Owner } from './deployment.js';
import { type MountPart, readOnlyBy, splitByMount, touchesTmpfs } from './mounts.js';
import { ExecStages, LostStage, type Stage, type Stages } from './stages.js';
import type { Deletion, SyncPlan } from './sync-plan.js';
import type { LocalTree } from './tree.js';

const SET_ID = 0o6000;

export interface Commit {
  readonly engine: Engine;
  readonly container: Container;
  readonly source: string;
  readonly destination: string;
  readonly local: LocalTree;
  readonly deployed: Deployed;
  readonly plan: SyncPlan;
  readonly unobserved: boolean;
  readonly owner: Owner;
  readonly token: string;
  readonly hasShell: boolean | undefined;
  /** A way into the container that is open already; it is taken for whatever a script can do. */
  readonly stages?: Stages | undefined;
  readonly signal: AbortSignal;
  /** Told how many of how many bytes of content are on their way. */
  onProgress(sentBytes: number, totalBytes: number): void;
}

export type CommitOutcome =
  | {
      readonly kind: 'committed';
      readonly channel: 'archive' | 'script' | 'warm';
      readonly packed: PackedFiles;
      readonly hasShell: boolean | undefined;
    }
  /** The container cannot be changed the way the plan wants it; a new one can. */
  | { readonly kind: 'needs-rebuild'; readonly reason: string };

interface CountedCommit extends Commit {
  readonly onContent: (bytes: number) => void;
}

function counted(request: Commit): CountedCommit {
  const totalBytes = contentBytes(request, { below: '', uploads: request.plan.uploads });
  let sentBytes = 0;
  return { ...request, onContent: (bytes) => request.onProgress((sentBytes += bytes), totalBytes) };
}

/** Brings a plan into the container through the first channel that can do it. Old or new content, never half of one. */
export async function commit(request: Commit): Promise<CommitOutcome> {
  const { container, destination, plan } = request;
  const readOnly = readOnlyPart(request);
  if (readOnly !== undefined) return rebuild(`${readOnly} is read-only in the container`);
  if (request.stages !== undefined) return commitByScript(counted(request), request.stages);
  const mustDelete = plan.deletions.length > 0 || plan.obstacles.some(({ kind }) => kind === 'directory');
  if (!mustDelete && !touchesTmpfs(container, destination)) return commitByArchive(counted(request));
  if (request.hasShell === false)
    return rebuild('files were deleted, and the container has no shell to delete them');
  return commitByScript(counted(request), new ExecStages(request.engine, container.id));
}

/** @throws RdtError when files are to be sent to a mount that is read-only: no new container could change that. */
function readOnlyPart({ container, destination, plan }: Commit): string | undefined {
  for (const part of splitByMount(plan.uploads, container, destination)) {
    const folder = posix.join(destination, part.below);
    const by = readOnlyBy(container, folder);
    if (by === 'mount' && part.uploads.length > 0) throw readOnlyMount(folder);
    if (by !== undefined) return folder;
  }
  return undefined;
}

const readOnlyMount = (folder: string): RdtError =>
  new RdtError(`${folder} in the container is a volume that is mounted read-only`, {
    hint: 'Take `:ro` from it under `volumes` in .resin-sync.yml, choose another --destination, or ignore the files that belong there.',
  });

const rebuild = (reason: string): CommitOutcome => ({ kind: 'needs-rebuild', reason });

async function commitByArchive(request: CountedCommit): Promise<CommitOutcome> {
  const packed = newPackedFiles();
  const parts = splitByMount(request.plan.uploads, request.container, request.destination);
  if (parts.length > 1) await putPart(request, { below: '', uploads: [] }, DIRTY);
  for (const part of parts) {
    addPacked(packed, await putPart(request, part, part.below === '' ? request.token : undefined));
  }
  return { kind: 'committed', channel: 'archive', packed, hasShell: request.hasShell };
}

/** `token` is the state that the part leaves behind; only the destination's own part has one. */
async function putPart(
  request: CountedCommit,
  part: MountPart,
  token: string | undefined,
): Promise<PackedFiles> {
  try {
    return await putArchive(request, part, token);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (await makeDestination(request)) return putArchive(request, part, token);
    await clearStage(request, part);
    throw refused(request.destination, error.message, GO_ON, error);
  }
}

/** Where nothing can be run in the container, the next commit does it. */
async function clearStage(
  { engine, container, destination, signal }: Commit,
  part: MountPart,
): Promise<void> {
  if (!container.state.running || container.state.restarting) return;
  const folder = posix.join(destination, part.below);
  try {
    await runScript(engine, container.id, CLEAN_SCRIPT, [folder], Readable.from([]), signal);
  } catch (error) {
    // It stopped meanwhile.
    if (!(error instanceof EngineError)) throw error;
  }
}

function addPacked(total: PackedFiles, part: PackedFiles): void {
  for (const [path, entry] of part.sent) total.sent.set(path, entry);
  total.changing.push(...part.changing);
  total.contentBytes += part.contentBytes;
}

async function putArchive(
  request: CountedCommit,
  part: MountPart,
  token: string | undefined,
): Promise<PackedFiles> {
  const packed = newPackedFiles();
  const { engine, container, destination, signal } = request;
  const folder = posix.join(destination, part.below);
  const fromRoot = needsRoot(request, part, folder);
  if (fromRoot) await makeDestination(request);
  const prefix = fromRoot ? `${folder.slice(1)}/` : '';
  const tar = packCommit({ ...archiveOf(request, part), prefix, finish: { by: 'engine', token } }, packed);
  const body = await archiveBody(tar, contentBytes(request, part), engine, signal);
  await engine.putArchive(container.id, fromRoot ? '/' : folder, body, signal);
  return packed;
}

/**
 * Two things the engine gets right only where it unpacks at the container's root: a link that leads out of the folder in which it
 * unpacks is refused, and a hard link takes setuid and setgid away, which are given back only when its target is found from `/`.
 */
function needsRoot({ local }: Commit, { below, uploads }: MountPart, folder: string): boolean {
  return uploads.some((path) => {
    const entry = local.get(posix.join(below, path));
    if (entry?.kind === 'file') return (entry.mode & SET_ID) !== 0;
    if (entry?.kind !== 'symlink') return false;
    return !posix.join(folder, posix.dirname(path), entry.target).startsWith(folder);
  });
}

function contentBytes({ local }: Commit, part: MountPart): number {
  let total = 0;
  for (const path of part.uploads) {
    const entry = local.get(posix.join(part.below, path));
    if (entry?.kind === 'file') total += entry.sizeBytes;
  }
  return total;
}

async function commitByScript(request: CountedCommit, stages: Stages): Promise<CommitOutcome> {
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
    expected = '';
  }
  for (const part of parts) {
    const isLast = part.below === '';
    const deletions = isLast ? plan.deletions : [];
    const how: StageOptions = { deletions, token: isLast ? token : '', mode: 'lenient', expected };
    const failed = await stage(request, stages, part, how, packed);
    if (failed !== undefined) return failed;
  }
  return { kind: 'committed', channel: stages.channel, packed, hasShell: true };
}

const knownState = ({ deployed }: Commit): string =>
  deployed.knowledge === 'token' ? (deployed.remembered?.token ?? '') : '';

/** What a stage does besides its uploads. */
interface StageOptions extends Omit<Stage, 'folder'> {
  readonly deletions: readonly Deletion[];
}

/** Undefined when the script has done all of it. */
async function stage(
  request: CountedCommit,
  stages: Stages,
  part: MountPart,
  { deletions, ...how }: StageOptions,
  packed: PackedFiles,
): Promise<CommitOutcome | undefined> {
  const { destination, signal } = request;
  const finish = { by: 'script', marksState: how.token !== '', deletions } as const;
  const tar = packCommit({ ...archiveOf(request, part), finish }, packed);
  const folder = posix.join(destination, part.below);
  try {
    const result = await stages.run({ folder, ...how }, tar, signal);
    switch (result.kind) {
      case 'done':
        return undefined;
      case 'no-shell':
        return rebuild('files were deleted, and the container has no shell, tar or xargs to delete them');
      case 'stale':
        throw changedMeanwhile(request.container);
      case 'lost':
        throw new LostStage(result.cause);
      case 'failed':
        throw refused(destination, result.errors || 'no message', how.mode === 'strict' ? OBSTACLE : GO_ON);
    }
  } catch (error) {
    if (!(error instanceof EngineError) || error.status !== 409) throw error;
    return rebuild('files were deleted, and the container does not run long enough to delete them');
  } finally {
    tar.destroy();
  }
}

const changedMeanwhile = ({ name }: Container): RdtError =>
  new RdtError(`another push has changed ${name} meanwhile`, {
    hint: 'Nothing was changed by this one. Push again: it compares the folder with what is there now.',
  });

const GO_ON =
  'No file is half-written, and the next push goes on from there. If the disk of the device is full, make room on it first.';
const OBSTACLE =
  'A folder that a file is to replace may hold files that rdt does not manage. `rdt push --force-build` starts from a new container.';

const refused = (destination: string, why: string, hint: string, cause?: unknown): RdtError =>
  new RdtError(`the container refused the sync to ${destination}: ${why}`, { hint, cause });

function archiveOf(request: CountedCommit, part: MountPart) {
  const { source, local, owner, deployed, unobserved, onContent } = request;
  const { below, uploads } = part;
  const unstaged = new Set(unobserved && deployed.knowledge === 'none' ? uploads : []);
  return { source, below, prefix: '', uploads, local, owner, unstaged, onContent };
}
