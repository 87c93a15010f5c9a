import { readlinkSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { ExitCode, RdtError } from '../../errors.js';
import { readRegularFile } from '../../regular-file.js';
import type { Clock } from '../../runtime.js';
import type { EmitBuildEvent } from '../build-event.js';
import { type DockerIgnore, parseDockerIgnore } from '../docker-ignore.js';
import { compressForLink } from './compress-for-link.js';
import { LevelChoice } from './level-choice.js';
import type { ListedEntry } from './context-entry.js';
import type { ContextSource } from './context-files.js';
import { errorCode, isGone, isInUse } from '../../system-error.js';
import { ContextError, unreadable } from './context-error.js';
import { withLinksFollowed } from './followed-links.js';
import { listContextFiles } from './list-context-files.js';
import { contextSource } from './offer-context.js';
import { packContext } from './pack-context.js';

export interface ContextRequest {
  /** Absolute path of the folder. */
  readonly source: string;
  /** Relative to the source, `Dockerfile` if not given. */
  readonly dockerfile?: string | undefined;
  readonly platform: NodeJS.Platform;
}

/** A source folder that can be built: what is in it was listed, nothing is read yet but its Dockerfile. */
export interface BuildContext {
  /** Relative to the source, with forward slashes. */
  readonly dockerfile: string;
  readonly dockerfileText: string;
  readonly entries: readonly ListedEntry[];
  /** For a builder that keeps the files under this key; undefined when a name is not UTF-8. */
  files(key: string, options: LinkOptions): ContextSource | undefined;
  /** A fresh tar. Ends with an RdtError when a file can not be read whole. */
  open(options: LinkOptions, emit: EmitBuildEvent): Readable;
}

interface LinkOptions {
  /** As far as the link is worth it. */
  readonly compress: boolean;
  readonly clock: Clock;
}

/** Written by rdt itself: sent along, they would change the context at every push, and undo the device's cache. */
const FILES_OF_RDT = ['.resin-sync.yml', '.balena-sync.yml', '**/.rdt-*'];

const DOCKERFILE = 'Dockerfile';

/** Pieces that wait for the connection: their size is a few hundred KB each. */
const PIECES_AHEAD = 2;

/**
 * @throws RdtError when there is no Dockerfile, a rule of the .dockerignore is none, or something to send can not be read.
 */
export async function openContext(
  request: ContextRequest,
  emit: EmitBuildEvent,
  signal?: AbortSignal,
): Promise<BuildContext> {
  const { source, platform } = request;
  const dockerfile = pathInSource(source, request.dockerfile ?? DOCKERFILE);
  const dockerfileText = await readDockerfile(source, dockerfile);
  const { ignore, name } = readIgnoreRules(source, dockerfile);
  const listed = await listContextFiles({ source, ignore, platform }, emit, signal);
  const entries = withLinksFollowed(source, listed, [dockerfile, name]);
  return {
    dockerfile,
    dockerfileText,
    entries,
    files: (key, options) => contextSource(source, entries, { key, level: levelFor(options) }),
    open: (options, emitSent) => {
      const plain = packContext(source, entries, emitSent);
      const level = levelFor(options);
      const pieces = level === undefined ? plain : compressForLink(plain, level);
      return Readable.from(pieces, { objectMode: true, highWaterMark: PIECES_AHEAD });
    },
  };
}

/**
 * What a build would be made of now, but for what is `leftOut`, which is not entered either.
 * @throws as `openContext`, but nothing for a Dockerfile that is not there.
 */
export async function listContext(
  request: ContextRequest,
  leftOut: (path: string) => boolean,
  signal: AbortSignal,
): Promise<readonly ListedEntry[]> {
  const { source, platform } = request;
  const dockerfile = pathInSource(source, request.dockerfile ?? DOCKERFILE);
  const { ignore: rules, name } = readIgnoreRules(source, dockerfile);
  const ignore: DockerIgnore = {
    excludes: (path) => leftOut(path) || rules.excludes(path),
    mayReincludeBelow: (folder) => !leftOut(folder) && rules.mayReincludeBelow(folder),
  };
  const listed = await listContextFiles({ source, ignore, platform }, () => undefined, signal);
  return withLinksFollowed(source, listed, [dockerfile, name]);
}

const levelFor = ({ compress, clock }: LinkOptions): LevelChoice | undefined =>
  compress ? new LevelChoice(() => clock.monotonicMs()) : undefined;

function pathInSource(source: string, dockerfile: string): string {
  const relative = path.relative(source, path.resolve(source, dockerfile));
  if (relative === '' || relative.startsWith('..') || path.isAbsolute(relative)) {
    throw new RdtError(`The Dockerfile ${dockerfile} is not below ${source}.`, {
      exitCode: ExitCode.usage,
      hint: 'It is sent with the folder that is built, so it has to be in there.',
    });
  }
  return relative.split(path.sep).join('/');
}

async function readDockerfile(source: string, dockerfile: string): Promise<string> {
  const text = readText(source, dockerfile);
  if (text !== undefined) return text;
  if (await isFolder(source)) {
    const namesake = (await readdir(source)).find((name) => name.toLowerCase() === dockerfile.toLowerCase());
    const rename = namesake === undefined ? '' : ` Is ${namesake} meant? Its name has to be ${dockerfile}.`;
    throw new ContextError(`There is no ${dockerfile} in ${source}.`, {
      hint: `rdt builds the folder on the device with its Dockerfile; name another folder with --source.${rename}`,
    });
  }
  throw new RdtError(`There is no folder ${source}.`, { exitCode: ExitCode.usage });
}

/** As BuildKit's own client: rules beside the Dockerfile, `<Dockerfile>.dockerignore`, win over those of the folder. */
function readIgnoreRules(source: string, dockerfile: string): { ignore: DockerIgnore; name: string } {
  const own = `${dockerfile}.dockerignore`;
  const ownText = readText(source, own);
  const name = ownText === undefined ? '.dockerignore' : own;
  const text = ownText ?? readText(source, name) ?? '';
  const ignore = parseDockerIgnore({ name, text, before: FILES_OF_RDT, always: [dockerfile, name] });
  return { ignore, name };
}

/** Undefined when there is no such file. @throws ContextError when there is a link to nowhere in its place, or it cannot be read. */
function readText(source: string, file: string): string | undefined {
  try {
    return readRegularFile(path.join(source, file)).toString('utf8');
  } catch (error) {
    if (isGone(error)) {
      refuseDangling(source, file);
      return undefined;
    }
    if (isInUse(error)) throw unreadable(file, error);
    throw new ContextError(`Cannot read ${file} (${errorCode(error) ?? 'unknown error'}).`, {
      hint: 'It has to be a file, and yours to read.',
      cause: error,
    });
  }
}

/** A builder would stumble over it. */
function refuseDangling(source: string, file: string): void {
  const target = readLink(path.join(source, file));
  if (target === undefined) return;
  throw new ContextError(`${file} is a link to ${target}, and no file is there.`, {
    hint: 'Make the link lead to a file, or put a file in its place.',
  });
}

function readLink(at: string): string | undefined {
  try {
    return readlinkSync(at);
  } catch (error) {
    if (isGone(error) || errorCode(error) === 'EINVAL') return undefined;
    throw error;
  }
}

async function isFolder(source: string): Promise<boolean> {
  try {
    return (await stat(source)).isDirectory();
  } catch (error) {
    if (isGone(error)) return false;
    throw unreadable(source, error);
  }
}
