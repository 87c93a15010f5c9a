import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { RdtError } from '../errors.js';
import { PROJECT_FILE_NAMES } from '../project/project-file-names.js';
import { compareTriggers, hashTrigger, type TriggerHashes, triggerNames } from '../sync/build-triggers.js';

/** Beyond the triggers of a push: it says what goes into the build at all. */
const WATCHED_TOO: readonly string[] = ['.dockerignore', 'Dockerfile.dockerignore'];
/** A file that is younger can change again without a new time stamp. */
const RACY_MS = 50;
/** Of a file whose stamp says nothing: unlike any other, itself included. */
const UNSURE = '';
/** In place of a hash, of a project file that cannot be read. */
const UNREADABLE = 'unreadable';

export interface TriggerNews {
  /** `package.json changed`, ... Empty when nothing has. */
  readonly reasons: readonly string[];
  /** Also when it cannot be read any more, or can again: whoever reads it says why. */
  readonly projectFileChanged: boolean;
  /** Why triggers cannot be read, one for each; they count as unchanged until they can. */
  readonly unreadable: readonly RdtError[];
}

const NO_NEWS: TriggerNews = { reasons: [], projectFileChanged: false, unreadable: [] };

interface Reading {
  readonly hashes: TriggerHashes;
  readonly unreadable: readonly RdtError[];
}

/** Whether a build trigger or the project file has changed since the last look: a few stats, unless one has. */
export class TriggerLook {
  private stamps: ReadonlyMap<string, string> = new Map();
  private lastGlance: ReadonlyMap<string, string> | undefined;
  private hashes: TriggerHashes = new Map();
  private readonly names: readonly string[];
  private hasUnreadable = false;
  /** Names that nobody has looked at before: what is found there is no news. */
  private unknown: ReadonlySet<string>;

  constructor(
    private readonly source: string,
    buildTriggers: readonly string[],
    private readonly wallMs: () => number,
  ) {
    this.names = triggerNames([...buildTriggers, ...WATCHED_TOO, ...PROJECT_FILE_NAMES]);
    this.unknown = new Set(this.names);
  }

  /** For the next version of the project: its first look tells what has changed since the last one here. */
  following(buildTriggers: readonly string[]): TriggerLook {
    const next = new TriggerLook(this.source, buildTriggers, this.wallMs);
    next.unknown = new Set(next.names.filter((name) => !this.isKnown(name)));
    next.hashes = new Map([...this.hashes].filter(([name]) => next.isKnown(name)));
    return next;
  }

  /** The first look finds no news. @throws the signal's reason. */
  async look(signal: AbortSignal): Promise<TriggerNews> {
    // Older than what is looked at: a glance tells of all that changes from here on.
    this.lastGlance ??= this.stampsNow(Number.POSITIVE_INFINITY);
    const stamps = this.stampsNow();
    // What another program lets nobody else read has the same stamp when it can be read again.
    if (!this.hasUnreadable && !this.differs(stamps)) return NO_NEWS;
    const { hashes, unreadable } = await this.read(signal);
    const { changed, appeared, vanished } = compareTriggers(this.hashes, hashes);
    const isNews = (path: string): boolean => isTrigger(path) && this.isKnown(path);
    const reasons = [
      ...changed.filter(isNews).map((path) => `${path} changed`),
      ...appeared.filter(isNews).map((path) => `${path} is new`),
      ...vanished.filter(isNews).map((path) => `${path} is gone`),
    ];
    this.unknown = new Set();
    this.stamps = stamps;
    this.hashes = hashes;
    this.hasUnreadable = [...hashes.values()].includes(UNREADABLE) || unreadable.length > 0;
    return {
      reasons,
      projectFileChanged: [...changed, ...appeared, ...vanished].some((path) => !isTrigger(path)),
      unreadable,
    };
  }

  private isKnown(name: string): boolean {
    return this.names.includes(name) && !this.unknown.has(name);
  }

  private async read(signal: AbortSignal): Promise<Reading> {
    const hashes = new Map<string, string>();
    const unreadable: RdtError[] = [];
    const read = async (name: string): Promise<readonly [string, string | undefined | RdtError]> => [
      name,
      await hashOrRefusal(this.source, name, signal),
    ];
    for (const [name, found] of await Promise.all(this.names.map(read))) {
      const isRefused = found instanceof RdtError;
      if (isRefused && isTrigger(name)) unreadable.push(found);
      const hash = isRefused ? this.inPlaceOfHash(name) : found;
      if (hash !== undefined) hashes.set(name, hash);
    }
    return { hashes, unreadable };
  }

  /** Of what cannot be read: a trigger is as it was, and the project file is no more what it was. */
  private inPlaceOfHash(name: string): string | undefined {
    return isTrigger(name) ? this.hashes.get(name) : UNREADABLE;
  }

  /** Whether a look is worth it since the last glance. Costs a few stats, and finds files that nobody watches because they are ignored. */
  glance(): boolean {
    const before = this.lastGlance;
    const now = this.stampsNow(Number.POSITIVE_INFINITY);
    this.lastGlance = now;
    return before !== undefined && [...now].some(([name, stamp]) => stamp !== before.get(name));
  }

  private stampsNow(racyFromMs = this.wallMs() - RACY_MS): ReadonlyMap<string, string> {
    return new Map(this.names.map((name) => [name, stampOf(join(this.source, name), racyFromMs)]));
  }

  private differs(stamps: ReadonlyMap<string, string>): boolean {
    return [...stamps].some(([name, stamp]) => stamp === UNSURE || stamp !== this.stamps.get(name));
  }
}

const isTrigger = (path: string): boolean => !PROJECT_FILE_NAMES.some((name) => name === path);

async function hashOrRefusal(
  source: string,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined | RdtError> {
  try {
    return await hashTrigger(source, name, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RdtError) return error;
    throw error;
  }
}

function stampOf(path: string, racyFromMs: number): string {
  const stats = statsOf(path);
  if (stats === undefined) return 'none';
  if (stats === 'unreadable' || Math.max(stats.mtimeMs, stats.ctimeMs) > racyFromMs) return UNSURE;
  return `${stats.mtimeMs} ${stats.ctimeMs} ${stats.size} ${stats.ino}`;
}

/** What stands in the way of the file is told by whoever reads it. */
function statsOf(path: string): Stats | 'unreadable' | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return 'unreadable';
  }
}
