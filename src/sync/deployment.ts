import type { LocalEntry, LocalTree, Stamp, Tree } from './tree.js';

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
  /** False when the container had no `sh`, `tar` or `xargs`; undefined as long as nobody has tried. */
  readonly hasShell: boolean | undefined;
  /** Numeric owner of what we write, from the container's `User`. */
  readonly owner: Owner;
  readonly tree: LocalTree;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How rdt knows what the container holds: by the state token, by asking the container, or not at all. */
export type Knowledge = 'token' | 'verified' | 'none';

export interface Deployed {
  readonly tree: Tree;
  readonly knowledge: Knowledge;
  /** What the laptop remembers of this container, true or not. */
  readonly remembered: Deployment | undefined;
  /** The container carries the token of somebody else's push. */
  readonly foreignToken: string | undefined;
}

/** Where deployments are kept. A lost or damaged one is no error: it only costs a verification. */
export interface DeploymentStore {
  load(containerId: string): Promise<Deployment | undefined>;
  save(deployment: Deployment): Promise<void>;
}

/** A file that changes within this time after it was read can keep its time stamp: git's "racy" entries. Two seconds is FAT's resolution. */
const RACY_MS = 2000;
const NEVER: Stamp = { mtimeMs: -1, ctimeMs: -1, inode: -1 };

/** Takes the trust from a stamp that is too young for it, so that the file is read again by the next scan. */
export function withoutRacyStamp(entry: LocalEntry, scannedAtMs: number): LocalEntry {
  const { mtimeMs, ctimeMs } = entry.stamp;
  const isRacy = entry.kind === 'file' && Math.max(mtimeMs, ctimeMs) > scannedAtMs - RACY_MS;
  return isRacy ? { ...entry, stamp: NEVER } : entry;
}

type Row =
  | ['f', string, number, number, string, number, number, number]
  | ['d', string, number]
  | ['l', string, string];

interface Document {
  readonly version: 1;
  readonly containerId: string;
  readonly source: string;
  readonly destination: string;
  readonly token: string;
  readonly hasShell: boolean | null;
  readonly owner: Owner;
  readonly tree: Row[];
}

export function serializeDeployment(deployment: Deployment): string {
  const { tree, hasShell, ...rest } = deployment;
  const document: Document = {
    version: 1,
    ...rest,
    hasShell: hasShell ?? null,
    tree: [...tree].map(([path, entry]) => toRow(path, entry)),
  };
  return JSON.stringify(document);
}

/** Undefined for a text of another version or one that is damaged. */
export function parseDeployment(text: string): Deployment | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // Damaged by a crash of the machine: as good as lost, which the store's contract allows.
    return undefined;
  }
  if (!isDocument(document)) return undefined;
  const { containerId, source, destination, token, owner } = document;
  const hasShell = document.hasShell ?? undefined;
  return {
    containerId,
    source,
    destination,
    token,
    owner,
    hasShell,
    tree: new Map(document.tree.map(fromRow)),
  };
}

function isDocument(value: unknown): value is Document {
  return (
    typeof value === 'object' &&
    value !== null &&
    'version' in value &&
    value.version === 1 &&
    'tree' in value &&
    Array.isArray(value.tree)
  );
}

function toRow(path: string, entry: LocalEntry): Row {
  switch (entry.kind) {
    case 'file': {
      const { mtimeMs, ctimeMs, inode } = entry.stamp;
      return ['f', path, entry.mode, entry.sizeBytes, entry.sha256, mtimeMs, ctimeMs, inode];
    }
    case 'directory':
      return ['d', path, entry.mode];
    case 'symlink':
      return ['l', path, entry.target];
  }
}

function fromRow(row: Row): [string, LocalEntry] {
  switch (row[0]) {
    case 'f': {
      const [, path, mode, sizeBytes, sha256, mtimeMs, ctimeMs, inode] = row;
      return [path, { kind: 'file', mode, sizeBytes, sha256, stamp: { mtimeMs, ctimeMs, inode } }];
    }
    case 'd':
      return [row[1], { kind: 'directory', mode: row[2], stamp: NEVER }];
    case 'l':
      return [row[1], { kind: 'symlink', target: row[2], stamp: NEVER }];
  }
}
