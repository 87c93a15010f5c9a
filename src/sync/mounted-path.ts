import { posix } from 'node:path';
import { RdtError } from '../errors.js';
import type { Container } from '../transport/engine.js';
import { isAnonymous, isWithin } from './mounts.js';
import type { SyncPlan } from './sync-plan.js';
import type { Tree } from './tree.js';

/** What a plan is to be carried out on. */
interface Place {
  readonly container: Container;
  /** Absolute path in the container. */
  readonly destination: string;
}

/**
 * A mount can be filled, but neither replaced nor removed: the kernel says that it is busy.
 * @throws RdtError when a file or a link of the plan has the very path of one, or is to replace a folder above it.
 */
export function refuseMountedPaths(
  { container, destination }: Place,
  local: Tree,
  { uploads, deletions, obstacles }: SyncPlan,
): void {
  const points = new Set([...container.mounts.map((mount) => mount.destination), ...container.tmpfs]);
  if (points.size === 0) return;
  const gone = [...deletions, ...obstacles].filter(({ kind }) => kind !== 'directory');
  const paths = [
    ...uploads.filter((path) => local.get(path)?.kind !== 'directory'),
    ...gone.map(({ path }) => path),
  ];
  const mounted = paths.find((path) => points.has(posix.join(destination, path)));
  if (mounted !== undefined) throw isMounted({ container, destination }, mounted);
  for (const { path, kind } of obstacles) {
    if (kind !== 'directory' || local.get(path) === undefined) continue;
    const folder = posix.join(destination, path);
    const point = [...points].find((each) => isWithin(each, folder));
    if (point !== undefined) throw isMounted({ container, destination }, path, point);
  }
}

/** @param point where the mount is: at the path, or in a folder that has it. */
function isMounted(
  { container, destination }: Place,
  path: string,
  point = posix.join(destination, path),
): RdtError {
  const mount = container.mounts.find((each) => each.destination === point);
  const from = mount !== undefined && isAnonymous(mount) ? '`VOLUME` in the Dockerfile' : '`volumes` there';
  const what = point === posix.join(destination, path) ? path : `${path} holds ${point}, which`;
  return new RdtError(`${what} is mounted in the container by itself: nothing can take its place`, {
    hint: `Add ${path} to \`ignore\` in .resin-sync.yml, or take ${point} from ${from}.`,
  });
}
