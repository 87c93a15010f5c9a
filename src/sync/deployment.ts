import { LARGE_BYTES } from './blocks.js';
import {
  isRacy,
  type LocalEntry,
  type LocalTree,
  NEVER,
  type Tree,
  type TreeEntry,
  unknownEntry,
} from './tree.js';

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
  /** Given when the last sync failed: what it may have brought besides `tree`. The container may have that one's token, and `token` proves nothing. */
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
}

export interface Gone {
  readonly path: string;
  /** `traceOf` what it was: anything else there is the app's own. */
  readonly trace: string;
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

/** What it tells of ours in the container, with what a sync that was cut off may have brought: of that no more than its kind is known. */
export function everSent({ tree, begun = [] }: Deployment): Tree {
  const doubtful = begun.map(({ path, kind }): [string, TreeEntry] => [path, unknownEntry(kind)]);
  return new Map([...doubtful, ...tree]);
}

/** What a sync that sends these may bring, where nobody hears of its end: `begun` of that deployment with all paths that are of another kind in it. */
export function begunWith(
  { tree, begun = [] }: Pick<Deployment, 'tree' | 'begun'>,
  uploads: readonly string[],
  local: Tree,
): readonly Sent[] {
  const sent = new Map(begun.map(({ path, kind }) => [path, kind]));
  for (const path of uploads) {
    const kind = local.get(path)?.kind;
    if (kind !== undefined && tree.get(path)?.kind !== kind) sent.set(path, kind);
  }
  return Array.from(sent, ([path, kind]) => ({ path, kind }));
}

/**
 * What a path that was deleted is known by when it is back. The container cannot tell the hash of a large file that is remembered here, but the time
 * that it was given. Of a folder, '' is enough; one that is not empty stays.
 */
export function traceOf(entry: TreeEntry): string {
  switch (entry.kind) {
    case 'directory':
      return '';
    case 'file':
      return entry.sizeBytes > LARGE_BYTES ? timeOf(entry) : entry.sha256;
    case 'symlink':
      return `-> ${entry.target}`;
  }
}

/**
 * Whether what is `there` now has that trace, or is what a power cut has left of a file: nothing. What was written since it was deleted is the
 * app's, whatever is in it.
 */
export function isBack(there: TreeEntry, { trace, atMs }: Gone): boolean {
  if (there.kind !== 'file') return traceOf(there) === trace;
  if (there.leftMtimeNs !== undefined && there.leftMtimeNs / 1_000_000n > atMs) return false;
  const wasFile = trace !== '' && !trace.startsWith('-> ');
  return [there.sha256, timeOf(there)].includes(trace) || (wasFile && there.sha256 === SHA256_OF_NOTHING);
}

const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** In whole seconds: not every container tells more. */
const timeOf = ({ leftMtimeNs }: Extract<TreeEntry, { kind: 'file' }>): string =>
  `written at ${leftMtimeNs === undefined ? 'an unknown time' : leftMtimeNs / 1_000_000_000n}`;

/** Where deployments are kept. A lost or damaged one is no error: it only costs a verification. */
export interface DeploymentStore {
  load(containerId: string): Promise<Deployment | undefined>;
  /** The file that the last `load` for this container could make nothing of. */
  damagedFile?(containerId: string): string | undefined;
  save(deployment: Deployment): Promise<void>;
  /** As `save`, and what it says outlives this process from then on. */
  saveNow(deployment: Deployment): Promise<void>;
}

/** Takes the trust from a stamp that is too young for it, so that the file is read again by the next scan. */
export function withoutRacyStamp(entry: LocalEntry, scannedAtMs: number): LocalEntry {
  return entry.kind === 'file' && isRacy(entry.stamp, scannedAtMs) ? { ...entry, stamp: NEVER } : entry;
}
