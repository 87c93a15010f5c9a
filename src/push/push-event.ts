import type { BuildEvent } from '../build/build-event.js';
import type { Device } from '../discovery/device.js';
import type { SyncPlan } from '../sync/sync-plan.js';
import type { Decision } from './decision.js';

/** Everything that happens in a push, in order. A stable interface: `--json` prints these, one object a line. */
export type PushEvent =
  | { readonly type: 'device'; readonly device: Device }
  | {
      readonly type: 'project';
      readonly app: string;
      readonly source: string;
      readonly destination: string;
      readonly verbose: boolean;
      /** Show progress where it is not shown anyway. */
      readonly progress: boolean;
    }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'decision'; readonly app: string; readonly decision: Decision }
  | { readonly type: 'plan'; readonly plan: PushPlan }
  | { readonly type: 'hook'; readonly hook: 'before' | 'after'; readonly command: string }
  | { readonly type: 'hook-output'; readonly stream: 'stdout' | 'stderr'; readonly chunk: Uint8Array }
  | { readonly type: 'build'; readonly event: BuildEvent }
  | { readonly type: 'starting'; readonly app: string; readonly settleMs: number }
  | {
      readonly type: 'rolled-back';
      readonly app: string;
      readonly toPrevious: boolean;
      /** Names, or places on the device, of what is mounted in the old container and may hold files of the new version. */
      readonly changedVolumes: readonly string[];
    }
  | { readonly type: 'sync-progress'; readonly sentBytes: number; readonly totalBytes: number }
  | { readonly type: 'synced'; readonly summary: SyncSummary }
  | { readonly type: 'rule'; readonly command: string }
  | { readonly type: 'rule-output'; readonly stream: 'stdout' | 'stderr'; readonly chunk: Uint8Array }
  | { readonly type: 'rule-failed'; readonly command: string; readonly message: string }
  | { readonly type: 'phase'; readonly name: string; readonly durationMs: number }
  | { readonly type: 'done'; readonly result: PushResult };

export interface PushPlan {
  readonly app: string;
  readonly decision: Decision;
  /** Files and links of the build context, all of which belong to a build, whatever of it the device has already. */
  readonly context: readonly string[];
  /** With a rebuild this is what the first sync into the new container may send at most. */
  readonly sync: SyncPlan;
  /** What happens to the app: `restart`, `start`, `signal HUP`, `replace container`, `nothing`. */
  readonly effect: string;
}

export interface SyncSummary {
  readonly files: number;
  readonly deleted: number;
  readonly bytes: number;
  readonly channel: 'archive' | 'script' | 'warm';
}

export interface PushResult {
  readonly action: 'build' | 'sync' | 'none';
  readonly app: string;
  readonly containerId: string;
  /** Of an app that was built and has come to its end already. */
  readonly exitCode?: number;
  readonly durationMs: number;
}

export type EmitPushEvent = (event: PushEvent) => void;
