import { posix } from 'node:path';
import { EngineError } from '../transport/engine-error.js';
import { archiveBody } from './archive-body.js';
import { addPacked, newPackedFiles, type PackedFiles, packCommit } from './commit-archive.js';
import {
  archiveOf,
  ChangedMeanwhile,
  type Commit,
  type CommitOutcome,
  contentBytes,
  type CountedCommit,
  GO_ON,
  refused,
} from './commit-request.js';
import { DIRTY } from './commit-stage.js';
import { makeDestination } from './destination.js';
import { fewestQuestions, foldersAbove, refuseFoldersInTheWay } from './folders-in-the-way.js';
import { type MountPart, pathIn, splitByMount } from './mounts.js';
import { readToken } from './state-token.js';

const SET_ID = 0o6000;

export type ArchiveOutcome =
  | CommitOutcome
  /** More than was allowed to find out what is in the way. Nothing was changed. */
  | { readonly kind: 'too-many-questions' };

/**
 * By the engine itself, which unpacks an archive: the container needs no program for it, and need not run. For the questions see
 * folders-in-the-way.ts.
 */
export async function commitByArchive(
  request: CountedCommit,
  mostQuestions: number,
): Promise<ArchiveOutcome> {
  if (fewestQuestions(request) > mostQuestions) return { kind: 'too-many-questions' };
  const [isClear, seen] = await Promise.all([
    refuseFoldersInTheWay(request, mostQuestions),
    foldersAbove(request),
    refuseIfChanged(request),
  ]);
  if (!isClear) return { kind: 'too-many-questions' };
  const packed = newPackedFiles();
  const parts = splitByMount(request.plan.uploads, request.container, request.destination);
  if (parts.length > 1) await putPart(request, { below: '', uploads: [] }, { token: DIRTY, seen });
  for (const part of parts) {
    addPacked(
      packed,
      await putPart(request, part, { token: part.below === '' ? request.token : undefined, seen }),
    );
  }
  return { kind: 'committed', channel: 'archive', packed, hasShell: request.hasShell };
}

/**
 * By its token a container is known from before, and after a sync that was cut off its end may have come after the container was compared. The engine
 * answers when it has unpacked what it was given before.
 */
async function refuseIfChanged({
  engine,
  container,
  destination,
  deployed,
  repeats,
  signal,
}: Commit): Promise<void> {
  const mayHaveChanged = deployed.knowledge === 'token' || deployed.remembered?.begun !== undefined;
  if (!mayHaveChanged || repeats === true) return;
  const token = await readToken(engine, container.id, destination, signal);
  if (token !== deployed.marks.token) throw new ChangedMeanwhile(container);
}

interface PartOptions {
  /** The state that the part leaves behind; only the destination's own part has one. */
  readonly token: string | undefined;
  /** Folders that need not be sent again, by their paths below the destination. */
  readonly seen: ReadonlySet<string>;
}

async function putPart(request: CountedCommit, part: MountPart, options: PartOptions): Promise<PackedFiles> {
  try {
    return await putArchive(request, part, options);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (await makeDestination(request)) return putArchive(request, part, options);
    await clearStage(request, part);
    throw refused(request.destination, error.message, GO_ON, error);
  }
}

/** What has arrived of a commit that failed may fill the device's disk: an empty commit takes it away. */
async function clearStage(request: CountedCommit, { below }: MountPart): Promise<void> {
  try {
    await putArchive(request, { below, uploads: [] }, { token: undefined, seen: new Set() });
  } catch (error) {
    // For the same reason as the commit, which is told.
    if (!(error instanceof EngineError)) throw error;
  }
}

async function putArchive(
  request: CountedCommit,
  part: MountPart,
  { token, seen }: PartOptions,
): Promise<PackedFiles> {
  const packed = newPackedFiles();
  const { engine, container, destination, signal } = request;
  const folder = posix.join(destination, part.below);
  const fromRoot = needsRoot(request, part, folder);
  if (fromRoot) await makeDestination(request);
  const prefix = fromRoot ? `${folder.slice(1)}/` : '';
  const archive = { ...archiveOf(request, part), prefix, finish: { by: 'engine', token, seen } } as const;
  const pack = () => packCommit(archive, packed);
  const body = await archiveBody(pack, contentBytes(request, part, request.patches), request);
  await engine.putArchive(container.id, fromRoot ? '/' : folder, body, signal);
  return packed;
}

/**
 * Two things the engine gets right only where it unpacks at the container's root: a link that leads out of the folder in which it
 * unpacks is refused, and a hard link takes setuid and setgid away, which are given back only when its target is found from `/`.
 */
function needsRoot({ local }: Commit, { below, uploads }: MountPart, folder: string): boolean {
  return uploads.some((path) => {
    const entry = local.get(pathIn(below, path));
    if (entry?.kind === 'file') return (entry.mode & SET_ID) !== 0;
    if (entry?.kind !== 'symlink') return false;
    return !posix.join(folder, posix.dirname(path), entry.target).startsWith(folder);
  });
}
