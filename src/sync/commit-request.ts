import { RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import type { CommitArchive, PackedFiles } from './commit-archive.js';
import type { Deployed, Owner } from './deployment.js';
import { type MountPart, pathIn } from './mounts.js';
import type { Patch } from './patch.js';
import type { Stages } from './stages.js';
import type { SyncPlan } from './sync-plan.js';
import type { LocalTree } from './tree.js';

export interface Commit {
  readonly engine: Engine;
  readonly container: Container;
  readonly source: string;
  readonly destination: string;
  readonly local: LocalTree;
  readonly deployed: Deployed;
  readonly plan: SyncPlan;
  readonly unobserved: boolean;
  /** The container is restarted for it. */
  readonly restarts: boolean;
  readonly owner: Owner;
  readonly token: string;
  readonly hasShell: boolean | undefined;
  /** An attempt at the same may have been carried out, or a part of it. */
  readonly repeats?: boolean | undefined;
  /** Where the link is worth it. */
  readonly compress: boolean;
  /** A way into the container that is open already; it is taken for whatever a script can do. */
  readonly stages?: Stages | undefined;
  readonly signal: AbortSignal;
  /** Told how many of how many bytes of content are on their way. */
  onProgress(sentBytes: number, totalBytes: number): void;
  /** Told when all has arrived and is to be put in place, by ways that know; the last time counts. */
  readonly onArrived?: (() => void) | undefined;
  /** As `CommitArchive.onOtherContent`. */
  readonly onOtherContent?: CommitArchive['onOtherContent'];
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

/** A commit that tells how far it is. */
export interface CountedCommit extends Commit {
  /** Large files of which only what is new is sent. */
  readonly patches: ReadonlyMap<string, Patch>;
  readonly totalBytes: number;
  readonly onContent: (bytes: number) => void;
}

export function counted(request: Commit, patches: ReadonlyMap<string, Patch>): CountedCommit {
  const totalBytes = contentBytes(request, { below: '', uploads: request.plan.uploads }, patches);
  let sentBytes = 0;
  return {
    ...request,
    patches,
    totalBytes,
    // What is tried a second time is sent a second time.
    onContent: (bytes) =>
      request.onProgress((sentBytes = Math.min(sentBytes + bytes, totalBytes)), totalBytes),
  };
}

export function contentBytes(
  { local }: Commit,
  part: MountPart,
  patches: ReadonlyMap<string, Patch>,
): number {
  let total = 0;
  for (const upload of part.uploads) {
    const path = pathIn(part.below, upload);
    const entry = local.get(path);
    if (entry?.kind === 'file') total += patches.get(path)?.contentBytes ?? entry.sizeBytes;
  }
  return total;
}

/** What an archive for one part has in common for all that unpack it. */
export function archiveOf(request: CountedCommit, part: MountPart): Omit<CommitArchive, 'finish'> {
  const { source, local, owner, deployed, unobserved, onContent, onOtherContent } = request;
  const { below, uploads } = part;
  const unstaged = new Set(unobserved && deployed.knowledge === 'none' ? uploads : []);
  return { source, below, prefix: '', uploads, local, owner, unstaged, onContent, onOtherContent };
}

export const rebuild = (reason: string): CommitOutcome => ({ kind: 'needs-rebuild', reason });

export const GO_ON =
  'No file is half-written, and the next push goes on from there. If the disk of the device is full, make room on it first.';
export const OBSTACLE =
  'A folder that a file or a link is to replace holds what rdt has not sent, or has been told to ignore since, and so does not remove. Ignore that path (`ignore` in .resin-sync.yml), give it another name, or take the folder away: in the Dockerfile if the image has it, else in the container, or push with --force-build for a new container that does not have it.';

export const IN_PLACE =
  'Something in the container, or on the device, holds that file in its place: it is mounted there, or protected. No file is half-written, and the next push goes on from there. Release it, or ignore that path (`ignore` in .resin-sync.yml).';
export const MOUNTED =
  'What is put there is gone when the container is restarted, as it is after a sync. Let the device mount it (`volumes` in .resin-sync.yml), ignore that path (`ignore`), or do not restart (`--restart none`).';

export const refused = (destination: string, why: string, hint: string, cause?: unknown): RdtError =>
  new RdtError(refusal(destination, why), { hint, cause });

const refusal = (destination: string, why: string): string =>
  `the container refused the sync to ${destination}: ${why}`;

/** A folder is in the place of a file or a link. What it holds is known to whoever asks: it may be empty, or hold what is ours. */
export class FolderInTheWay extends RdtError {
  override readonly name = 'FolderInTheWay';

  constructor(destination: string, why: string) {
    super(refusal(destination, why), { hint: OBSTACLE });
  }
}

/** The container has another state than when it was compared: another push has ended since, or one of ours that was cut off. */
export class ChangedMeanwhile extends RdtError {
  override readonly name = 'ChangedMeanwhile';

  constructor({ name }: Container) {
    super(`something else than this push has changed the files in ${name} meanwhile`, {
      hint: 'Push again: it compares the folder with what is there now.',
    });
  }
}

/** A plan that was made without a look into the container does not fit what is there. */
export const needsAnotherLook = (error: unknown): boolean =>
  error instanceof ChangedMeanwhile || error instanceof FolderInTheWay;
