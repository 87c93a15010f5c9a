import { posix } from 'node:path';
import { RdtError } from '../errors.js';
import type { Container } from '../transport/engine.js';
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
 * @throws RdtError when a file or a link of the plan has the very path of one.
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
  if (mounted !== undefined) throw isMounted(mounted);
}

const isMounted = (path: string): RdtError =>
  new RdtError(`${path} is mounted in the container by itself: nothing can take its place`, {
    hint: 'Add it to `ignore` in .resin-sync.yml, or take it from `volumes` there.',
  });
