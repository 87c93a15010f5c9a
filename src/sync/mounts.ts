import type { Container } from '../transport/engine.js';

/** A file system of its own inside the destination: hard links do not reach across its border. */
export interface MountPart {
  /** Path below the destination; '' for the destination's own file system. */
  readonly below: string;
  readonly uploads: readonly string[];
}

/** Splits uploads by the mount that holds them; the destination's own part comes last, since it carries the state. */
export function splitByMount(
  uploads: readonly string[],
  container: Container,
  destination: string,
): MountPart[] {
  const prefix = destination.endsWith('/') ? destination : `${destination}/`;
  const inner = [...container.mounts.map((mount) => mount.destination), ...container.tmpfs]
    .filter((point) => point.startsWith(prefix))
    .map((point) => point.slice(prefix.length))
    .sort((a, b) => b.length - a.length);
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

/** `PUT archive` onto a tmpfs is silently invisible to the container (moby#22020). */
export function touchesTmpfs(container: Container, destination: string): boolean {
  return container.tmpfs.some((point) => isWithin(point, destination) || isWithin(destination, point));
}

/** Nothing can be written at the destination: the root file system is read-only and no writable mount holds it. */
export function isReadOnly(container: Container, destination: string): boolean {
  const holders = container.mounts.filter(({ destination: point }) => isWithin(destination, point));
  const holder = holders.sort((a, b) => b.destination.length - a.destination.length)[0];
  if (holder !== undefined) return !holder.writable;
  return container.readonlyRootfs && !container.tmpfs.some((point) => isWithin(destination, point));
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
