import { posix } from 'node:path';
import { RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import { commitByArchive } from './commit-by-archive.js';
import { commitByScript, type ScriptOutcome } from './commit-by-script.js';
import { type Commit, type CommitOutcome, counted, type CountedCommit, rebuild } from './commit-request.js';
import { startAtOnce } from './container-end.js';
import { pathIn, readOnlyBy, splitByMount, tmpfsHolding, touchesTmpfs } from './mounts.js';
import { type Patch, patchOf } from './patch.js';
import { ExecStages, LostStage } from './stages.js';
import { unlessRefused } from './state-token.js';

export type { Commit, CommitOutcome } from './commit-request.js';

/** More goes the way of a push that has no open channel: it is compressed there, and streamed. */
const CHANNEL_FILES = 300;
const CHANNEL_BYTES = 1 << 20;

/** To the engine, of what is in the way of new files: 1 or 2 ms each, and a program in the container starts in 50 ms and more. */
const MOST_QUESTIONS = 50;

/** Of a script in a container whose app crashes. */
const ATTEMPTS = 5;
const TOO_SHORT = 'files were deleted, and the container does not run long enough to delete them';

const NO_PATCHES: ReadonlyMap<string, Patch> = new Map();

/** Brings a plan into the container through the first channel that can do it. Old or new content, never half of one. */
export async function commit(request: Commit): Promise<CommitOutcome> {
  const readOnly = await readOnlyPart(request);
  if (readOnly !== undefined) return rebuild(`${readOnly} is read-only in the container`);
  const tmpfs = lostPart(request);
  if (tmpfs !== undefined) return rebuild(`${tmpfs} is a tmpfs in the container, and a restart empties it`);
  const outcome = await commitCounted(counted(request, patchesOf(request)));
  if (outcome.kind !== 'other-base') return outcome;
  return commitWhole({ ...counted(request, NO_PATCHES), repeats: true });
}

async function commitCounted(request: CountedCommit): Promise<ScriptOutcome> {
  const { stages, plan, totalBytes, patches } = request;
  const isSmall = plan.uploads.length <= CHANNEL_FILES && totalBytes <= CHANNEL_BYTES;
  if (stages !== undefined && isSmall) return commitByScript(request, stages);
  if (patches.size === 0) return commitWhole(request);
  const outcome = await commitByExec(request);
  // Without a shell, or in a container that does not run, nothing can be patched.
  return outcome.kind === 'needs-rebuild' ? { kind: 'other-base' } : outcome;
}

/** Without patches. */
async function commitWhole(request: CountedCommit): Promise<CommitOutcome> {
  const { container, destination, plan, hasShell } = request;
  const mustDelete = plan.deletions.length > 0 || plan.obstacles.some(({ kind }) => kind === 'directory');
  if (!mustDelete && !touchesTmpfs(container, destination)) return commitUploads(request);
  if (hasShell === false) return rebuild('files were deleted, and the container has no shell to delete them');
  if (container.state.paused) return rebuild('files were deleted, and a paused container cannot delete them');
  const outcome = await commitByExec(request);
  if (outcome.kind === 'other-base') throw new Error('a commit without patches has no base');
  return outcome;
}

/**
 * Tar sees what is in the way of many new files sooner than the engine tells it, and what the app itself has mounted, which the engine does
 * not see.
 */
async function commitUploads(
  request: CountedCommit,
  mostQuestions = canRunScript(request) ? MOST_QUESTIONS : Infinity,
  isBehindMount = isNotWhereItWasPut(request),
): Promise<CommitOutcome> {
  const outcome = isBehindMount ? undefined : await commitByArchive(request, mostQuestions);
  if (outcome !== undefined && outcome.kind !== 'too-many-questions') return outcome;
  const scripted = await commitByExec(request);
  return scripted.kind === 'committed' ? scripted : commitUploads(request, Infinity, false);
}

/** A file was sent, and the container that was asked has none, or another one: where it was put may be behind a mount. */
function isNotWhereItWasPut(request: Commit): boolean {
  const { deployed, plan, local } = request;
  if (deployed.knowledge !== 'verified' || !canRunScript(request)) return false;
  return plan.uploads.some((path) => {
    const [before, now] = [deployed.remembered?.tree.get(path), local.get(path)];
    if (before?.kind !== 'file' || now?.kind !== 'file' || before.sha256 !== now.sha256) return false;
    const there = deployed.tree.get(path);
    return there?.kind !== 'file' || there.sha256 !== now.sha256;
  });
}

function canRunScript({ container, hasShell }: Commit): boolean {
  const { running, restarting, paused } = container.state;
  return running && !restarting && !paused && hasShell !== false;
}

/** An app that ends takes the script with it; one that crashes again and again lives long enough once it was just started. */
async function commitByExec(request: CountedCommit): Promise<ScriptOutcome> {
  const { engine, signal } = request;
  // Whoever started it here would have to know that it runs with the old files.
  const mayRepeat = request.container.state.running;
  let { container } = request;
  for (let attempt = 1; ; attempt++) {
    try {
      const repeats = request.repeats === true || attempt > 1;
      return await commitByScript(
        { ...request, container, repeats },
        new ExecStages({ ...request, container }),
      );
    } catch (error) {
      if (!(error instanceof LostStage)) throw error;
      const now = await engine.inspectContainer(container.id, signal);
      if (now === undefined || now.state.paused) throw error;
      if (!mayRepeat || attempt === ATTEMPTS) return rebuild(TOO_SHORT);
      const { state } = await startedAgain(engine, now, signal);
      container = { ...container, state };
    }
  }
}

async function startedAgain(engine: Engine, now: Container, signal: AbortSignal): Promise<Container> {
  await startAtOnce(engine, now, signal);
  return (await engine.inspectContainer(now.id, signal)) ?? now;
}

/** Only where the container is known to hold what the laptop remembers, can run a script, and one is enough. */
function patchesOf(request: Commit): ReadonlyMap<string, Patch> {
  const { local, deployed, plan } = request;
  if (!canRunScript(request) || deployed.knowledge !== 'token' || plan.obstacles.length > 0)
    return NO_PATCHES;
  const patches = new Map<string, Patch>();
  for (const path of plan.uploads) {
    const entry = local.get(path);
    // The script's lists have a line for each path.
    if (entry?.kind !== 'file' || path.includes('\n')) continue;
    const patch = patchOf(deployed.remembered?.tree.get(path), entry);
    if (patch !== undefined) patches.set(path, patch);
  }
  return patches;
}

/** @throws RdtError when something is to change on a mount that is read-only: no new container could do that. */
async function readOnlyPart(request: Commit): Promise<string | undefined> {
  const { container, destination, plan } = request;
  const gone = [...plan.deletions, ...plan.obstacles].map(({ path }) => path);
  for (const part of splitByMount([...plan.uploads, ...gone], container, destination)) {
    const folder = posix.join(destination, part.below);
    const by = readOnlyBy(container, folder);
    if (by === undefined) continue;
    if (by === 'root') return folder;
    const paths = part.uploads.map((path) => pathIn(part.below, path));
    if (paths.some((path) => request.local.has(path))) throw readOnlyMount(folder);
    const undeletable = await firstThere(paths, request);
    if (undeletable !== undefined) throw undeletableFrom(folder, undeletable);
    // The destination's own part has the state.
    if (part.below === '') return folder;
  }
  return undefined;
}

/** Somebody else may have deleted what has to go. */
async function firstThere(
  paths: readonly string[],
  { engine, container, destination, signal }: Commit,
): Promise<string | undefined> {
  for (const path of paths) {
    const asking = engine.statPath(container.id, posix.join(destination, path), signal);
    if ((await unlessRefused(asking)) !== undefined) return path;
  }
  return undefined;
}

const lostPart = ({ restarts, local, container, destination }: Commit): string | undefined =>
  restarts ? tmpfsHolding(local.keys(), container, destination) : undefined;

const readOnlyMount = (folder: string): RdtError =>
  new RdtError(`${folder} in the container is a volume that is mounted read-only`, {
    hint: 'Take `:ro` from it under `volumes` in .resin-sync.yml, choose another --destination, or ignore the files that belong there.',
  });

const undeletableFrom = (folder: string, path: string): RdtError =>
  new RdtError(
    `${path} cannot be deleted: ${folder} in the container is a volume that is mounted read-only`,
    {
      hint: 'Take `:ro` from it under `volumes` in .resin-sync.yml for one push, or add the path to `ignore` at the top of that file: then it stays in the volume.',
    },
  );
