import type { ListedEntry } from '../build/context/context-entry.js';
import { listContext } from '../build/context/open-context.js';
import { RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import { isEditorFile } from './editor-files.js';

/** No more of the time than 1 of this goes into looking: a folder of 50,000 files takes half a second. */
const SHARE = 10;
/** What was tried in vain is tried again after this, and each further time after twice as long. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 300_000;

/** Path -> what tells its content from any other; a folder has only to be there. */
type Stamps = ReadonlyMap<string, string>;

export interface ContextLookOptions {
  /** Absolute path. */
  readonly source: string;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
}

/**
 * Whether the build context has changed since a build of it failed. What the sync ignores of it nobody watches: it is looked at, and only
 * while the build is broken.
 */
export class ContextLook {
  /** What the last build was made of; undefined when it did not come so far. */
  private built: readonly ListedEntry[] | Stamps | undefined;
  private last: Stamps | undefined;
  private due: readonly string[] = [];
  /** How often a change of the path was built, in vain. */
  private readonly vain = new Map<string, number>();
  private round = 0;
  private begunAtMs = 0;
  private nextLookAtMs = 0;

  constructor(private readonly options: ContextLookOptions) {}

  /** Something has changed that the failed build was made without. */
  get isDue(): boolean {
    return this.due.length > 0;
  }

  /** To be called before a build: what is due is tried with it. */
  begin(): void {
    for (const path of this.due) this.vain.set(path, (this.vain.get(path) ?? 0) + 1);
    this.begunAtMs = this.now();
    this.restart(undefined);
  }

  /** The build is made of this. */
  take(entries: readonly ListedEntry[]): void {
    this.restart(entries);
  }

  /** It has failed in another way than before: nothing was in vain. */
  forgive(): void {
    this.vain.clear();
  }

  /** It has succeeded. */
  forget(): void {
    this.restart(undefined);
    this.forgive();
  }

  /** To be called again and again while the build is broken. Answers whether something is due that was not. @throws the signal's reason. */
  async glance(signal: AbortSignal): Promise<boolean> {
    const startMs = this.now();
    if (this.isDue || startMs < this.nextLookAtMs) return false;
    const { round } = this;
    const now = await this.look(signal);
    this.nextLookAtMs = this.now() + SHARE * (this.now() - startMs);
    // A build has begun meanwhile, which may be made of something newer.
    if (round !== this.round) return false;
    this.built = this.built === undefined ? now : asStamps(this.built);
    const before = this.last ?? this.built;
    this.last = now;
    // What is still being written is no reason yet; a log that is written to all the time is none ever.
    const isAtRest = (path: string): boolean => before.get(path) === now.get(path);
    this.due = differing(this.built, now).filter((path) => isAtRest(path) && this.isWorthTrying(path));
    return this.isDue;
  }

  private restart(built: readonly ListedEntry[] | undefined): void {
    this.round++;
    this.due = [];
    this.built = built;
    this.last = undefined;
  }

  private isWorthTrying(path: string): boolean {
    const tries = this.vain.get(path) ?? 0;
    if (tries === 0) return true;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
    return this.now() - this.begunAtMs >= pauseMs;
  }

  private async look(signal: AbortSignal): Promise<Stamps> {
    try {
      return asStamps(await listContext(this.options, isOfOthers, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RdtError)) throw error;
      // The build says it; here it is a state like any other.
      return new Map([['', error.message]]);
    }
  }

  private now(): number {
    return this.options.clock.monotonicMs();
  }
}

/** Git and editors write these while nobody changes what is built. */
const isOfOthers = (path: string): boolean =>
  path.split('/').some((name) => name === '.git' || isEditorFile(name));

function asStamps(entries: readonly ListedEntry[] | Stamps): Stamps {
  if (!Array.isArray(entries)) return entries as Stamps;
  const listed = entries as readonly ListedEntry[];
  return new Map(listed.filter(({ path }) => !isOfOthers(path)).map((entry) => [entry.path, stampOf(entry)]));
}

function stampOf(entry: ListedEntry): string {
  if (entry.type === 'folder') return `folder ${entry.mode}`;
  const size = entry.type === 'file' ? entry.sizeBytes : entry.target.toString('hex');
  return `${entry.type} ${entry.mode} ${size} ${entry.mtimeSeconds} ${entry.ctimeMs}`;
}

const differing = (a: Stamps, b: Stamps): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path));
