import { posix } from 'node:path';
import type { Container, Mount } from '../transport/engine.js';
import type { Tree } from './tree.js';

/** A file system of its own inside the destination: hard links do not reach across its border. */
export interface MountPart {
  /** Path below the destination; '' for the destination's own file system. */
  readonly below: string;
  readonly uploads: readonly string[];
}

/** Of a path in a part; both are in their normal form, and joining those anew would cost each of 1,000 files. */
export const pathIn = (below: string, path: string): string => (below === '' ? path : `${below}/${path}`);

/** Splits uploads by the mount that holds them; the destination's own part comes last, since it carries the state. */
export function splitByMount(
  uploads: readonly string[],
  container: Container,
  destination: string,
): MountPart[] {
  const inner = mountsBelow(container, destination).sort((a, b) => b.length - a.length);
  const parts = new Map<string, string[]>(inner.map((below) => [below, []]));
  const own: string[] = [];
  for (const path of uploads) {
    const below = inner.find((point) => path.startsWith(`${point}/`));
    if (below === undefined) own.push(path);
    else parts.get(below)?.push(path.slice(below.length + 1));
  }
  const nested = [...parts]
    .filter(([, paths]) => paths.length > 0)
    .map(([below, paths]) => ({ below, uploads: paths }));
  return [...nested, { below: '', uploads: own }];
}

export const hasMounts = ({ mounts, tmpfs }: Container): boolean => mounts.length + tmpfs.length > 0;

/** Of a volume that an image asked for: the engine has named it. */
export const isAnonymous = ({ volumeName }: Mount): boolean =>
  volumeName !== undefined && /^[0-9a-f]{64}$/.test(volumeName);

/**
 * The container with its mounts where they are met on the way through the destination, to which a link may lead: all else in this file compares paths.
 * @param place see `Marks`.
 */
export function seenFrom(container: Container, destination: string, place: string | undefined): Container {
  if (place === undefined || place === destination) return container;
  const { mounts, tmpfs } = container;
  const points = [...mounts.map((mount) => mount.destination), ...tmpfs];
  const holder = points.filter((point) => isWithin(place, point)).sort((a, b) => b.length - a.length)[0];
  const seen = (point: string): string => {
    if (point === holder) return destination;
    return isWithin(point, place) ? posix.join(destination, point.slice(place.length)) : point;
  };
  return {
    ...container,
    tmpfs: tmpfs.map(seen),
    mounts: mounts.map((mount) => ({
      ...mount,
      destination: seen(mount.destination),
      // Only a part of what is mounted is met there.
      source:
        mount.destination === holder ? posix.join(mount.source, place.slice(holder.length)) : mount.source,
    })),
  };
}

/** `PUT archive` onto a tmpfs is silently invisible to the container (moby#22020). */
export function touchesTmpfs(container: Container, destination: string): boolean {
  return container.tmpfs.some((point) => isWithin(point, destination) || isWithin(destination, point));
}

/** The tmpfs that holds some of these paths: whatever starts the container again empties it. */
export function tmpfsHolding(
  paths: Iterable<string>,
  container: Container,
  destination: string,
): string | undefined {
  if (!touchesTmpfs(container, destination)) return undefined;
  for (const path of paths) {
    const full = posix.join(destination, path);
    const volume = holderOf(container, full)?.destination ?? '';
    const tmpfs = container.tmpfs.find((point) => isWithin(full, point) && point.length > volume.length);
    if (tmpfs !== undefined) return tmpfs;
  }
  return undefined;
}

/** Of those that one container's sync left there, the paths on mounts which another container has as well. */
export function pathsOnSharedMounts(
  paths: Iterable<string>,
  from: Container,
  to: Container,
  destination: string,
): ReadonlySet<string> {
  const isShared = (path: string): boolean => {
    const before = holderOf(from, path);
    const now = holderOf(to, path);
    return before !== undefined && before.source === now?.source && before.destination === now.destination;
  };
  return new Set([...paths].filter((path) => isShared(posix.join(destination, path))));
}

/** The part of `tree` that is no mount's: on one lies what the app keeps, and what its image has there may be hidden. */
export function onRoot(tree: Tree, container: Container, destination: string): Tree {
  if (!hasMounts(container)) return tree;
  return new Map([...tree].filter(([path]) => isOnRoot(container, posix.join(destination, path))));
}

/** The mount that `path` lies on; undefined for the container's own root. */
export function holderOf({ mounts }: Container, path: string): Mount | undefined {
  return mounts
    .filter(({ destination }) => isWithin(path, destination))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
}

/** What keeps anybody from writing at `path`: the mount that it lies on, or the container's own root. */
export function readOnlyBy(container: Container, path: string): 'mount' | 'root' | undefined {
  const holder = holderOf(container, path);
  if (holder !== undefined) return holder.writable ? undefined : 'mount';
  return container.readonlyRootfs && isOnRoot(container, path) ? 'root' : undefined;
}

export const isOnRoot = (container: Container, path: string): boolean =>
  holderOf(container, path) === undefined && !container.tmpfs.some((point) => isWithin(path, point));

export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);

/** The destination, and the mounts below it, which have a stage of their own. */
export const stageFolders = (container: Container, destination: string): string[] =>
  ['', ...mountsBelow(container, destination)].map((below) => posix.join(destination, below));

/** Their paths below the destination. */
function mountsBelow({ mounts, tmpfs }: Container, destination: string): string[] {
  const prefix = destination.endsWith('/') ? destination : `${destination}/`;
  return [...mounts.map((mount) => mount.destination), ...tmpfs]
    .filter((point) => point.startsWith(prefix))
    .map((point) => point.slice(prefix.length));
}
