import type { RdtError } from '../errors.js';
import { HeldBack } from '../push/held-back.js';
import type { TriggerHashes } from '../sync/build-triggers.js';
import { ChangingFiles } from './changing-files.js';
import { RestlessPaths } from './restless-paths.js';

/** What a watch knows of one version of the project, however often the connection is lost meanwhile. */
export class WatchMemory {
  /** Of the last build that succeeded. */
  savedTriggers: TriggerHashes | undefined;
  /** What calls for a build beyond the triggers of a push, until one has succeeded. */
  buildReasons: readonly string[] = [];
  /** Message of the build that failed last; undefined when the last one succeeded. */
  failedBuild: string | undefined;
  /** What failed last, so that it is told once, and the edition of the folder that it was told of; undefined where that is not known. */
  failedBatch: { readonly essence: string; readonly edition: number | undefined } | undefined;
  /** What was wrong with the project file when it was last read; undefined when nothing was. */
  refusedProject: string | undefined;
  /** The project file was seen to be another one, and what it says now is not in force yet: a session may end between the two. */
  isProjectDue = false;
  /** Why triggers cannot be read just now: nothing can be built. */
  unreadableTriggers: readonly RdtError[] = [];
  /** A push or a sync has succeeded: from then on nothing that passes ends the watch. */
  hasWorked = false;
  /** A complete push has succeeded: from then on to be interrupted is the watch's good end. */
  hasPushed = false;
  /** The command before the first push has run. */
  isBeforeDone = false;
  readonly heldBack = new HeldBack();
  /** Of the last build. */
  buildWarnings: ReadonlySet<string> = new Set();
  readonly restless = new RestlessPaths();
  readonly changing = new ChangingFiles();
  /** The user's `--force-build` and `--build-triggers` count once. */
  isFirstBuildDone = false;

  settle(): void {
    this.failedBatch = undefined;
    this.hasWorked = true;
  }
}
