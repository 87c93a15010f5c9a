import { isRacy, type LocalEntry, type LocalTree, NEVER, type Tree, type TreeEntry } from './tree.js';

/**
 * What rdt remembers of the last sync to one container. Kept on the laptop; it is true as long as the container's own
 * state token (`.rdt-state`) equals `token`.
 */
export interface Deployment {
  readonly containerId: string;
  /** Absolute path of the synced folder on the laptop. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly token: string;
  /** As in `Marks`, at that time. */
  readonly engineRun: string | undefined;
  /** As in `Marks`, at that time. */
  readonly place?: string | undefined;
  /** False when the container had no `sh`, `tar` or `xargs`; undefined as long as nobody has tried. */
  readonly hasShell: boolean | undefined;
  /** Numeric owner of what we write, from the container's `User`; undefined as long as nobody has asked. */
  readonly owner: Owner | undefined;
  readonly tree: LocalTree;
  /**
   * Given when a sync failed, and the container has not been asked since: what it may have brought besides `tree`, or could not delete. The container may
   * have that one's token, and `token` proves nothing.
   */
  readonly begun?: readonly Sent[] | undefined;
  /** What was deleted or replaced lately: a device that loses its power soon afterwards has it again, and perhaps no token that says so. */
  readonly gone?: readonly Gone[] | undefined;
  /** Given when the app may not know yet what was sent: commands of the on-change rules that it calls for. */
  readonly owed?: readonly string[] | undefined;
}

/** What tells whether a container still holds what the laptop remembers. */
export interface Marks {
  /** The container's own state; undefined when it has none. */
  readonly token: string | undefined;
  /**
   * See `Engine.engineRun`. A device that lost its power may have kept the token, and lost what was sent before: on ext4, files that were
   * written half a minute ago and less are empty then.
   */
  readonly engineRun: string | undefined;
  /** Where the destination is when all links that lead to it are followed; undefined as long as nobody has asked. */
  readonly place?: string | undefined;
}

export interface Sent {
  readonly path: string;
  readonly kind: TreeEntry['kind'];
  /** Of all that was sent there (trace.ts): what has none of them is the app's own. Undefined where nobody knows: all of that kind may be ours. */
  readonly traces?: readonly string[] | undefined;
}

export interface Gone {
  readonly path: string;
  /** What it is known by (trace.ts): anything else there is the app's own. */
  readonly trace: string;
  /** A file, also by this: with nothing in it. */
  readonly emptied?: string | undefined;
  /** The laptop's wall clock, ms since 1970. */
  readonly atMs: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How rdt knows what the container holds: by the state token, by asking the container, or not at all. */
export type Knowledge = 'token' | 'verified' | 'none';

export interface Deployed {
  readonly tree: Tree;
  /** What earlier pushes of ours may have left there besides: through another container, or in the image. */
  readonly left: Tree;
  /** What syncs that were cut off may have left there, of a container that could not be asked and is to be asked the next time. */
  readonly unsettled: readonly Sent[];
  readonly knowledge: Knowledge;
  /** What the laptop remembers of this container, true or not. */
  readonly remembered: Deployment | undefined;
  /** As they were before the container was compared. */
  readonly marks: Marks;
  /** The state that the container had then, in its own words (`STATE`); '' when nobody knows. The engine does not see all that is mounted there. */
  readonly state: string;
  /** That is the token of somebody else's push. */
  readonly foreignToken: string | undefined;
}

/** Of a container that nobody has synced: no container has this token. */
export const unknownDeployment = (containerId: string, source: string, destination: string): Deployment => ({
  containerId,
  source,
  destination,
  token: '',
  engineRun: undefined,
  hasShell: undefined,
  owner: undefined,
  tree: new Map(),
});

/** Where deployments are kept. A lost or damaged one is no error: it only costs a verification. */
export interface DeploymentStore {
  load(containerId: string): Promise<Deployment | undefined>;
  /** The file that the last `load` for this container could make nothing of. */
  damagedFile?(containerId: string): string | undefined;
  save(deployment: Deployment): Promise<void>;
  /** As `save`, and what it says outlives this process from then on. */
  saveNow(deployment: Deployment): Promise<void>;
}

/** Takes the trust from a stamp that is too young for it, so that the file is read again by the next scan. The time that the file was sent with stays. */
export function withoutRacyStamp(entry: LocalEntry, scannedAtMs: number): LocalEntry {
  if (entry.kind !== 'file' || !isRacy(entry.stamp, scannedAtMs)) return entry;
  return { ...entry, stamp: { ...NEVER, mtimeMs: entry.stamp.mtimeMs } };
}
