import type { ListedEntry } from '../build/context/context-entry.js';
import type { ContextKeys } from '../build/context/context-keys.js';
import type { ImageBuilder, RegistryLogin } from '../build/image-builder.js';
import type { Device } from '../discovery/device.js';
import type { PushSettings } from '../project/settings.js';
import type { Clock } from '../runtime.js';
import type { TriggerHashes } from '../sync/build-triggers.js';
import type { DeploymentStore } from '../sync/deployment.js';
import type { Engine } from '../transport/engine.js';
import type { LocalState } from '../sync/local-state.js';
import type { LocalTree } from '../sync/tree.js';
import type { AppDebt } from './app-debt.js';
import type { AppRestarter } from './app-restarter.js';
import type { HeldBack } from './held-back.js';
import type { ReadSupervisor } from './process-supervisor.js';
import type { Holder } from './lock-tickets.js';
import type { EmitPushEvent } from './push-event.js';

/** What is to be pushed, and how. */
export interface PushJob {
  readonly settings: PushSettings;
  /** Hashes of the last push; undefined when the project file has none. */
  readonly savedTriggers: TriggerHashes | undefined;
  readonly triggersGiven: boolean;
  /** The app's name is that of the folder, and nothing was ever saved that says more: an app of that name may be another project's. */
  readonly isNameGuessed: boolean;
  readonly forceBuild: boolean;
  /** What else calls for a build, in words: `.dockerignore changed`. */
  readonly buildReasons?: readonly string[];
  /** Decide and print, touch nothing. */
  readonly dryRun: boolean;
  /** Also carry out a plan that deletes most of what is deployed. */
  readonly force: boolean;
  /** Given where a plan that deletes most of what is deployed is carried out without that. */
  readonly heldBack?: HeldBack | undefined;
  /** Ask the container what it holds, also where its token says that it is what was sent. */
  readonly verify: boolean;
  /** What is sent may be compressed, where the link is worth it. */
  readonly compress: boolean;
  /** Called before anything is done on the device. @throws RdtError when `save` would have to write, and could not. Undefined where that is no reason to stop. */
  assertSavable?(triggers: TriggerHashes): Promise<void>;
  /** Writes what has to be remembered into the project file; called once, after all of it succeeded. */
  save(triggers: TriggerHashes): Promise<void>;
}

/** What the folder holds now; files that `known` has with the same stamp are not read again. */
export type Scan = (known: LocalTree) => Promise<LocalState>;

/** See `DeviceLock`. */
export type LapsedAtMs = (signal: AbortSignal) => Promise<number | undefined>;

/** Where it is pushed to, and what the push needs of its surroundings. */
export interface PushDeps {
  readonly device: Device;
  readonly engine: Engine;
  builder(): Promise<ImageBuilder>;
  /** For private base images. */
  readonly login: RegistryLogin;
  readonly contextKeys: ContextKeys;
  /** For `restart: process`. */
  readonly readSupervisor: ReadSupervisor;
  readonly store: DeploymentStore;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** Who pushes, and on which computer: `anna@laptop`. */
  readonly pusher: string;
  /** This process. */
  readonly holder: Holder;
  readonly emit: EmitPushEvent;
  readonly signal: AbortSignal;
  /** Given by a caller that holds the app's lock already: aborted when that is lost. */
  readonly lost?: AbortSignal;
  /** Given together with it. */
  readonly debt?: AppDebt;
  /** Given together with it. */
  readonly lapsedAtMs?: LapsedAtMs;
  /** Given by a caller that watches the folder and so knows what it holds; otherwise the folder is walked. */
  readonly scan?: Scan;
  /** Given by a caller that wants to know what an image is built from. */
  readonly contextListed?: (entries: readonly ListedEntry[]) => void;
  /** Given by a caller that has one already. */
  readonly restarter?: AppRestarter;
}

/** What the holder of the app's lock works with: `signal` is also aborted when the lock is lost. */
export interface HeldDeps extends PushDeps {
  /** Aborted when the lock or the device is lost, but not by the user: for steps that a Ctrl-C must not cut in two. */
  readonly lost: AbortSignal;
  readonly debt: AppDebt;
  readonly lapsedAtMs: LapsedAtMs;
  /** For `restart: process`. */
  readonly restarter: AppRestarter;
}
