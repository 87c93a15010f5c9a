import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FILE_NAMES } from '../project/project-file-names.js';
import {
  compareTriggers,
  IMPLICIT_TRIGGERS,
  readTriggers,
  type TriggerHashes,
} from '../sync/build-triggers.js';

/** Beyond the triggers of a push: it says what goes into the build at all. */
const WATCHED_TOO: readonly string[] = ['.dockerignore', 'Dockerfile.dockerignore'];
/** A file that is younger can change again without a new time stamp. */
const RACY_MS = 50;
/** Of a file whose stamp says nothing: unlike any other, itself included. */
const UNSURE = '';

export interface TriggerNews {
  /** `package.json changed`, ... Empty when nothing has. */
  readonly reasons: readonly string[];
  readonly projectFileChanged: boolean;
}

const NO_NEWS: TriggerNews = { reasons: [], projectFileChanged: false };

/** Whether a build trigger or the project file has changed since the last look: a few stats, unless one has. */
export class TriggerLook {
  private stamps: ReadonlyMap<string, string> = new Map();
  private lastGlance: ReadonlyMap<string, string> | undefined;
  private hashes: TriggerHashes = new Map();
  private readonly listed: readonly string[];

  constructor(
    private readonly source: string,
    buildTriggers: readonly string[],
    private readonly wallMs: () => number,
  ) {
    this.listed = [...buildTriggers, ...WATCHED_TOO, ...PROJECT_FILE_NAMES];
  }

  /** The first look finds everything new. @throws RdtError as `readTriggers`. */
  async look(signal: AbortSignal): Promise<TriggerNews> {
    // Older than what is looked at: a glance tells of all that changes from here on.
    this.lastGlance ??= this.stampsNow(Number.POSITIVE_INFINITY);
    const stamps = this.stampsNow();
    if (!this.differs(stamps)) return NO_NEWS;
    const hashes = await readTriggers(this.source, this.listed, signal);
    const { changed, appeared, vanished } = compareTriggers(this.hashes, hashes);
    this.stamps = stamps;
    this.hashes = hashes;
    return {
      reasons: [
        ...changed.filter(isTrigger).map((path) => `${path} changed`),
        ...appeared.filter(isTrigger).map((path) => `${path} is new`),
        ...vanished.filter(isTrigger).map((path) => `${path} is gone`),
      ],
      projectFileChanged: [...changed, ...appeared, ...vanished].some((path) => !isTrigger(path)),
    };
  }

  /** Whether a look is worth it since the last glance. Costs a few stats, and finds files that nobody watches because they are ignored. */
  glance(): boolean {
    const before = this.lastGlance;
    const now = this.stampsNow(Number.POSITIVE_INFINITY);
    this.lastGlance = now;
    return before !== undefined && [...now].some(([name, stamp]) => stamp !== before.get(name));
  }

  private stampsNow(racyFromMs = this.wallMs() - RACY_MS): ReadonlyMap<string, string> {
    const names = [...IMPLICIT_TRIGGERS, ...this.listed];
    return new Map(names.map((name) => [name, stampOf(join(this.source, name), racyFromMs)]));
  }

  private differs(stamps: ReadonlyMap<string, string>): boolean {
    return [...stamps].some(([name, stamp]) => stamp === UNSURE || stamp !== this.stamps.get(name));
  }
}

const isTrigger = (path: string): boolean => !PROJECT_FILE_NAMES.some((name) => name === path);

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
