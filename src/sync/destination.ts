import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import type { Owner } from './deployment.js';
import { parentsOf } from './tree.js';

/** Go's `os.ModeDir`, as the engine sends it. */
export const GO_MODE_DIRECTORY = 2 ** 31;

export interface Destination {
  readonly engine: Engine;
  readonly container: Container;
  readonly destination: string;
  readonly owner: Owner;
  readonly signal: AbortSignal;
}

/**
 * Makes the destination folder, and only those of its parents that are missing: an existing one keeps its mode and owner.
 * Answers whether something was missing.
 * @throws RdtError when one of them is not a folder.
 */
export async function makeDestination(place: Destination): Promise<boolean> {
  const { engine, container, owner, signal } = place;
  const missing = await missingFolders(place);
  if (missing.length === 0) return false;
  const tar = pack();
  for (const name of missing) tar.entry({ name, type: 'directory', mode: 0o755, ...owner });
  tar.finalize();
  await engine.putArchive(container.id, '/', await buffer(tar), signal);
  return true;
}

/** Of those that lead to the destination, without the slash before them. @throws RdtError as `makeDestination`. */
export async function missingFolders(place: Omit<Destination, 'owner'>): Promise<string[]> {
  const { engine, container, destination, signal } = place;
  const path = destination.slice(1);
  const missing: string[] = [];
  for (const folder of [...parentsOf(path), path]) {
    const stat = await engine.statPath(container.id, `/${folder}`, signal);
    if (stat === undefined) missing.push(folder);
    else if (stat.linkTarget === '' && stat.goMode < GO_MODE_DIRECTORY) {
      throw new RdtError(`/${folder} in the container is a file, not a folder`, {
        hint: 'Push with --force-build for a new container, which has what the image has there, or choose another --destination.',
      });
    }
  }
  return missing;
}
