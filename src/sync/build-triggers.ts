import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, RdtError } from '../errors.js';
import { errorCode, IN_USE_HINT, isGone, isInUse } from '../system-error.js';
import { streamOf } from './file-content.js';

/** Triggers of every project (device-facts), named or not. */
export const IMPLICIT_TRIGGERS: readonly string[] = ['Dockerfile', 'package.json'];

/** Path relative to the source, `/` between names -> SHA-256 of the file's bytes, 64 lower-case hex digits. */
export type TriggerHashes = ReadonlyMap<string, string>;

/** Every trigger of a project that lists those. */
export const triggerNames = (listed: readonly string[]): readonly string[] => [
  ...new Set([...IMPLICIT_TRIGGERS, ...listed]),
];

export interface TriggerChanges {
  readonly changed: readonly string[];
  readonly appeared: readonly string[];
  readonly vanished: readonly string[];
}

/**
 * Hashes the implicit triggers and those of `listed` (normal form, below the source) that exist; symbolic links are followed,
 * as the build follows what they mean. The implicit ones come first, then `listed` in its order.
 * @throws RdtError when a trigger is not a regular file or cannot be read; the signal's reason when it is aborted.
 */
export async function readTriggers(
  source: string,
  listed: readonly string[],
  signal?: AbortSignal,
): Promise<TriggerHashes> {
  const names = triggerNames(listed);
  const hashes = await Promise.all(names.map((name) => hashTrigger(source, name, signal)));
  const found = names.map((name, index) => [name, hashes[index]] as const);
  return new Map(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What differs between two readings, each list in the order of the reading it is in. */
export function compareTriggers(saved: TriggerHashes, current: TriggerHashes): TriggerChanges {
  const kept = [...current.keys()].filter((name) => saved.has(name));
  return {
    changed: kept.filter((name) => saved.get(name) !== current.get(name)),
    appeared: [...current.keys()].filter((name) => !saved.has(name)),
    vanished: [...saved.keys()].filter((name) => !current.has(name)),
  };
}

/**
 * SHA-256 of one trigger, in hex; undefined when there is no such file: a link to nowhere, or a parent that is a file, is none either.
 * @throws as `readTriggers`.
 */
export async function hashTrigger(
  source: string,
  name: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const path = join(source, name);
  try {
    await refuseUnlessFile(path, name);
    return await sha256OfFile(path, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RdtError) throw error;
    if (isGone(error)) return undefined;
    if (errorCode(error) === 'ELOOP')
      throw refusal(`build trigger ${name} is a symbolic link that leads to itself`, error);
    throw refusal(`build trigger ${name} cannot be read (${errorCode(error) ?? 'unreadable'})`, error);
  }
}

/** Asked first, because opening a FIFO would wait for its writer. */
async function refuseUnlessFile(path: string, name: string): Promise<void> {
  const stats = await stat(path);
  if (stats.isFile()) return;
  const kind = stats.isDirectory() ? 'a folder' : 'not a regular file';
  throw refusal(`build trigger ${name} is ${kind}: a trigger is a file whose content is compared`);
}

async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of streamOf(path, signal)) hash.update(piece);
  return hash.digest('hex');
}

/** Dockerfile and the project file are looked at without being listed. */
const UNREADABLE_HINT =
  'Make it a file that you can read. If --build-triggers, or build-triggers in .resin-sync.yml, lists it, you can also take it out there.';

const refusal = (message: string, cause?: unknown): RdtError =>
  new RdtError(message, {
    hint: isInUse(cause) ? IN_USE_HINT : UNREADABLE_HINT,
    exitCode: ExitCode.usage,
    cause,
  });
