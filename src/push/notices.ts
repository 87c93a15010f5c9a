import { posix } from 'node:path';
import { named } from '../named.js';
import { isAbsolute, leavesSource } from '../project/paths.js';
import type { Container, Mount } from '../transport/engine.js';
import { isWithin } from '../sync/mounts.js';
import type { PlannedSync } from './push-state.js';

/** What a user should know of a sync before it is carried out, as sentences. */
export function noticesOf({ name }: Container, planned: PlannedSync): string[] {
  return [damagedNotes(name, planned) ?? foreignPush(name, planned), linksOut(planned)].filter(
    (notice) => notice !== undefined,
  );
}

/**
 * Of volumes that are handed on to the container of a new image. Elsewhere they hold data; what is at the destination is what was built.
 * @param place see `Marks`.
 */
export function noticesOfVolumes(
  volumes: readonly Mount[],
  destination: string,
  place: string | undefined = destination,
): string[] {
  const places = volumes
    .map((volume) => volume.destination)
    .filter((path) => isWithin(path, destination) || isWithin(path, place));
  return places.map(
    (path) => `${path} is a volume and keeps what it holds; what the new image has there is not used`,
  );
}

/** The token of the container would be taken for that of another push. */
function damagedNotes(name: string, { deployed, damagedFile }: PlannedSync): string | undefined {
  if (damagedFile === undefined || deployed.knowledge === 'token') return undefined;
  const what = `what rdt noted of the last push to ${name} cannot be read (${damagedFile} is damaged, or of another version)`;
  return `${what}: what the container holds is compared with this folder, and what was deleted here since then may stay there until a build`;
}

/** Of a failed sync of our own nobody knows whether it has left its token. */
function foreignPush(name: string, { deployed }: PlannedSync): string | undefined {
  const { foreignToken, remembered } = deployed;
  if (foreignToken === undefined || remembered?.begun !== undefined) return undefined;
  return `${name} was last synced by another push; what it holds is compared with this folder`;
}

function linksOut({ plan, local }: PlannedSync): string | undefined {
  const links = plan.uploads.filter((path) => {
    const entry = local.tree.get(path);
    return entry?.kind === 'symlink' && leadsOut(path, entry.target);
  });
  if (links.length === 0) return undefined;
  const what = links.length === 1 ? 'is a link that leads' : 'are links that lead';
  return `${named(links)} ${what} out of the project: in the container to what is there`;
}

const leadsOut = (path: string, target: string): boolean =>
  isAbsolute(target) || leavesSource(posix.join(posix.dirname(path), target));
