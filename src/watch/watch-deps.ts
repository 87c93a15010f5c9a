import type { Device } from '../discovery/device.js';
import type { PushProjectDeps } from '../push/push-project.js';
import type { PushJob, HeldDeps } from '../push/push-job.js';
import type { LogLine } from '../logs/log-line.js';
import type { PushSettings } from '../project/settings.js';
import type { AppLog } from './app-log.js';
import type { AppMonitor } from './app-monitor.js';
import type { AppNews } from './app-news.js';
import type { ContextLook } from './context-look.js';
import type { Inbox } from './inbox.js';
import type { LazyDeployments } from './lazy-deployments.js';
import type { LocalFolder } from './local-folder.js';
import type { Batch } from './settling.js';
import type { EmitWatchEvent } from './watch-event.js';
import type { WatchMemory } from './watch-memory.js';

export type WatchedFolder = Pick<
  LocalFolder,
  | 'watching'
  | 'nextBatch'
  | 'refresh'
  | 'edition'
  | 'glance'
  | 'lookAtAll'
  | 'confirm'
  | 'distrust'
  | typeof Symbol.asyncDispose
>;

/** What `rdt push --watch` needs beyond a push. */
export interface WatchDeps extends Omit<PushProjectDeps, 'emit' | 'logView'> {
  readonly emit: EmitWatchEvent;
  /** Lists and watches the source. @throws as `LocalFolder.open`. */
  openFolder(settings: PushSettings, signal: AbortSignal): Promise<WatchedFolder>;
  /** Whether the device takes a new connection within `timeoutMs`, however busy its engine is. @throws the signal's reason. */
  reach(device: Device, timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  /** Lines of the app; resolves when there is room for more. */
  showOutput(lines: readonly LogLine[]): Promise<void>;
}

export type Message =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'app'; readonly news: AppNews };

/** Everything that a session works with, on one connection and with one version of the project. */
export interface Session {
  readonly job: () => PushJob;
  readonly held: HeldDeps;
  readonly store: LazyDeployments;
  readonly folder: WatchedFolder;
  readonly inbox: Inbox<Message>;
  readonly monitor: AppMonitor;
  readonly memory: WatchMemory;
  readonly context: ContextLook;
  /** Undefined when the user wants no output of the app. */
  readonly log: AppLog | undefined;
  readonly emit: EmitWatchEvent;
  /** Whether the project file says something else now; a wrong one is told, and counts as no change. */
  projectHasChanged(): Promise<boolean>;
}
