import type { PushEvent } from '../push/push-event.js';

/** What `rdt push --watch` does besides its pushes, in order. A stable interface: `--json` prints these too, one object a line. */
export type WatchEvent =
  | { readonly type: 'watching'; readonly app: string; readonly how: string }
  | { readonly type: 'batch'; readonly batch: BatchSummary }
  | { readonly type: 'batch-timing'; readonly timing: BatchTiming }
  /** Nothing of it is lost: the next change, or the next try by itself, brings all of it. `again`: the same failure as the last time, with a further change. */
  | {
      readonly type: 'batch-failed';
      readonly message: string;
      readonly hint: string | undefined;
      readonly again: boolean;
    }
  /** Changes that come with the build that is under way. */
  | { readonly type: 'changes-wait' }
  | { readonly type: 'build-restarted'; readonly reasons: readonly string[] }
  /** `again`: the same failure as the last time. */
  | {
      readonly type: 'build-failed';
      readonly message: string;
      readonly hint: string | undefined;
      readonly again: boolean;
      readonly oldAppRuns: boolean;
    }
  | { readonly type: 'project-refused'; readonly message: string; readonly hint: string | undefined }
  | { readonly type: 'project-changed' }
  | {
      readonly type: 'app-exited';
      readonly app: string;
      readonly exitCode: number;
      readonly lastLines: readonly string[];
      /** The engine starts it again by itself. */
      readonly restarts: boolean;
    }
  | { readonly type: 'app-changed'; readonly app: string; readonly what: AppChange }
  /** Told once, however long it lasts. */
  | { readonly type: 'device-lost'; readonly reason: string; readonly hint?: string | undefined }
  | { readonly type: 'device-back'; readonly afterMs: number };

/** What somebody else has done to the app's container. */
export type AppChange = 'removed' | 'replaced' | 'restarted' | 'paused' | 'resumed';

export interface BatchSummary {
  readonly files: number;
  readonly deleted: number;
  readonly bytes: number;
  readonly channel: string;
  readonly effect: 'restarted' | 'restarted-process' | 'started' | 'signalled' | 'none';
  /** From the first event of the batch until it has taken effect. */
  readonly durationMs: number;
}

/**
 * Milliseconds. `applyMs` is from when all has arrived to the container's answer that all is in place: undefined where it is unpacked as it
 * arrives, and `transferMs` is both. `firstLineMs` is from there to the first line of the app's new run: undefined when none came in
 * time, or nobody listens.
 */
export interface BatchTiming {
  readonly detectMs: number;
  readonly scanMs: number;
  readonly packMs: number;
  readonly transferMs: number;
  readonly applyMs: number | undefined;
  readonly restartMs: number;
  readonly firstLineMs: number | undefined;
}

export type EmitWatchEvent = (event: PushEvent | WatchEvent) => void;
