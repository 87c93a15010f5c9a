import type { Readable } from 'node:stream';
import { splitCommand } from '../project/command-words.js';
import type { OnChangeRule } from '../project/on-change.js';
import { pathMatcher } from '../sync/ignore-rules.js';
import type { SyncPlan } from '../sync/sync-plan.js';
import type { LocalTree } from '../sync/tree.js';
import type { Container } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import type { PushDeps, PushJob } from './push-job.js';

/** A path that a sync has created, changed or taken away. */
export interface ChangedPath {
  readonly path: string;
  readonly isDirectory: boolean;
}

export function changedPaths({ uploads, deletions, obstacles }: SyncPlan, local: LocalTree): ChangedPath[] {
  return [
    ...uploads.map((path) => ({ path, isDirectory: local.get(path)?.kind === 'directory' })),
    ...[...deletions, ...obstacles].map(({ path, kind }) => ({ path, isDirectory: kind === 'directory' })),
  ];
}

/** The rules that have something to do for these paths, in the project's order. */
export const rulesFor = (
  rules: readonly OnChangeRule[],
  changed: readonly ChangedPath[],
): readonly OnChangeRule[] =>
  rules.filter(({ paths }) => {
    const names = pathMatcher(paths);
    return changed.some(({ path, isDirectory }) => names(path, isDirectory));
  });

/** A rule that takes longer may be one that never ends. */
const LONG_MS = 10_000;

type RuleDeps = Pick<PushDeps, 'engine' | 'emit' | 'clock' | 'signal'>;

/**
 * Runs the commands of the rules in the running container, one after the other, as the container's own user in its own working
 * folder. One that fails is told by an event, and the next is run. @throws what the connection throws.
 */
export async function runRules(
  rules: readonly OnChangeRule[],
  deps: RuleDeps,
  container: Container,
): Promise<void> {
  for (const { run: command } of rules) {
    deps.emit({ type: 'rule', command });
    const failure = await tellingIfLong(command, deps, runRule(command, deps, container));
    if (failure !== undefined) deps.emit({ type: 'rule-failed', command, message: failure });
  }
}

async function tellingIfLong<T>(command: string, { emit, clock }: RuleDeps, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const message = `an on-change command still runs, and the app and all further changes wait for it: ${command}`;
  clock.sleep(LONG_MS, over.signal).then(
    () => emit({ type: 'warning', message }),
    () => undefined,
  );
  try {
    return await work;
  } finally {
    over.abort();
  }
}

/** Answers what went wrong. */
async function runRule(
  command: string,
  { engine, emit, signal }: RuleDeps,
  { id }: Container,
): Promise<string | undefined> {
  const hasShell = (await engine.statPath(id, '/bin/sh', signal)) !== undefined;
  const words = hasShell ? undefined : splitCommand(command);
  if (words?.ok === false)
    return `the container has no shell, and without one an on-change command ${words.reason}`;
  try {
    const session = await engine.exec(id, { argv: words?.value ?? ['/bin/sh', '-c', command] }, signal);
    session.stdin.end();
    const show = async (stream: 'stdout' | 'stderr', output: Readable): Promise<void> => {
      for await (const chunk of output) emit({ type: 'rule-output', stream, chunk: chunk as Buffer });
    };
    await Promise.all([show('stdout', session.stdout), show('stderr', session.stderr)]);
    return describeExit(await session.exitCode, hasShell);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return `an on-change command could not be run: ${error.message}`;
  }
}

function describeExit(status: number, hasShell: boolean): string | undefined {
  if (status === 0) return undefined;
  // What the engine answers for a program that it cannot start; a shell uses the same numbers for one that it cannot.
  if (!hasShell && (status === 126 || status === 127)) {
    return 'the container has no shell, and an on-change command that is not the path of a program in it cannot be run';
  }
  return `an on-change command ended with status ${status}`;
}

/** The rules of a job that a sync with this plan calls for. */
export const rulesOf = ({ settings }: PushJob, plan: SyncPlan, local: LocalTree): readonly OnChangeRule[] =>
  settings.onChange.length === 0 ? [] : rulesFor(settings.onChange, changedPaths(plan, local));
