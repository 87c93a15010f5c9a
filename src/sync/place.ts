import { posix } from 'node:path';
import type { Container, Engine } from '../transport/engine.js';
import type { Marks } from './deployment.js';
import { hasMounts } from './mounts.js';
import { unlessRefused } from './state-token.js';
import { parentsOf } from './tree.js';

/** The destination in a container. */
export interface PlaceQuestion {
  readonly engine: Engine;
  readonly container: Container;
  readonly destination: string;
  readonly signal: AbortSignal;
}

/**
 * The marks with the place of the destination. A container that has a token has told it; another one is asked, in one round trip, where a mount makes
 * it matter.
 */
export async function withPlace(marks: Marks, question: PlaceQuestion): Promise<Marks> {
  if (marks.place !== undefined || !hasMounts(question.container)) return marks;
  return { ...marks, place: await readPlace(question) };
}

/** The engine follows a link to its end, so the deepest one among the destination and the folders above it tells; below it there is none. */
async function readPlace({ engine, container, destination, signal }: PlaceQuestion): Promise<string> {
  const path = destination.slice(1);
  const folders = [...parentsOf(path), path].map((folder) => `/${folder}`);
  const stats = await Promise.all(
    folders.map((folder) => unlessRefused(engine.statPath(container.id, folder, signal))),
  );
  const targets = stats.map((stat) => stat?.linkTarget ?? '');
  const at = targets.findLastIndex((target) => target !== '');
  return posix.join(targets[at] ?? '', destination.slice(folders[at]?.length ?? 0));
}
